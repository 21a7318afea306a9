package conformance

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// dot is a PNG of one red pixel, in base64.
func dot() string {
	img := image.NewRGBA(image.Rect(0, 0, 1, 1))
	img.Set(0, 0, color.RGBA{R: 255, A: 255})
	var b bytes.Buffer
	_ = png.Encode(&b, img) // a buffer takes everything
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// silence is a WAV file of four samples at 8 kHz, in base64.
func silence() string {
	const samples = 4
	var b bytes.Buffer
	for _, part := range []any{
		[]byte("RIFF"), uint32(36 + 2*samples), []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1),
		uint32(8000), uint32(16000), uint16(2), uint16(16), []byte("data"), uint32(2 * samples), make([]int16, samples),
	} {
		_ = binary.Write(&b, binary.LittleEndian, part) // a buffer takes everything
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func embedded(uri, kind, text string) mcp.EmbeddedResource {
	return mcp.NewEmbeddedResource(mcp.TextResourceContents{URI: uri, MIMEType: kind, Text: text})
}

// dialectSchema uses what the 2020-12 dialect of JSON Schema has beyond the
// older ones; none of it may be lost on the way to a client.
const dialectSchema = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",
"$defs":{"address":{"$anchor":"addressDef","type":"object","properties":{"street":{"type":"string"},"city":{"type":"string"}}}},
"properties":{"name":{"type":"string"},"address":{"$ref":"#/$defs/address"},"contactMethod":{"type":"string","enum":["phone","email"]},"phone":{"type":"string"},"email":{"type":"string"}},
"allOf":[{"anyOf":[{"required":["phone"]},{"required":["email"]}]}],
"if":{"properties":{"contactMethod":{"const":"phone"}},"required":["contactMethod"]},"then":{"required":["phone"]},"else":{"required":["email"]},
"additionalProperties":false}`

// contentTools answer with each kind of content.
func contentTools() []server.ServerTool {
	dialect := tool("json_schema_2020_12_tool", "Takes what a schema of the 2020-12 dialect allows", says(mcp.NewTextContent("taken")))
	dialect.Tool.InputSchema.Type = "" // the library takes one of the two
	dialect.Tool.RawInputSchema = []byte(dialectSchema)
	return []server.ServerTool{
		dialect,
		tool("test_simple_text", "Answers with text", says(mcp.NewTextContent("This is a simple text response for testing."))),
		tool("test_image_content", "Answers with an image", says(mcp.NewImageContent(dot(), "image/png"))),
		tool("test_audio_content", "Answers with sound", says(mcp.NewAudioContent(silence(), "audio/wav"))),
		tool("test_embedded_resource", "Answers with a resource",
			says(embedded("test://embedded-resource", "text/plain", "This is an embedded resource content."))),
		tool("test_multiple_content_types", "Answers with text, an image and a resource",
			says(mcp.NewTextContent("Multiple content types test:"), mcp.NewImageContent(dot(), "image/png"),
				embedded("test://mixed-content-resource", "application/json", `{"test":"data","value":123}`))),
		tool("test_error_handling", "Always fails", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultError("This tool intentionally returns an error for testing"), nil
		}),
		tool("test_custom_headers", "Takes a parameter that travels in a header, too", says(mcp.NewTextContent("taken")),
			mcp.WithString("region", func(schema map[string]any) { schema["x-mcp-header"] = "Region" })),
	}
}
