package lsp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"go.lsp.dev/protocol"
)

// settings are what a person configures in the editor, under "lathe". What is
// not said is on.
type settings struct {
	Diagnostics   *bool `json:"diagnostics"`   // show proposals and what keeps failing
	CodeLens      *bool `json:"code_lens"`     // show rates above steps and functions
	Hover         *bool `json:"hover"`         // tell the history of what the cursor is on
	Notifications *bool `json:"notifications"` // tell of new proposals
}

func on(b *bool) bool { return b == nil || *b }

// maxSettings bounds a settings document.
const maxSettings = 1 << 20

// readSettings reads {"lathe": {...}}, or what is within.
func readSettings(raw []byte) (settings, error) {
	var s settings
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return s, nil
	}
	if len(raw) > maxSettings {
		return s, fmt.Errorf("the settings have %d bytes; at most %d are read", len(raw), maxSettings)
	}
	var wrapped struct {
		Lathe json.RawMessage `json:"lathe"`
	}
	if err := json.Unmarshal(raw, &wrapped); err != nil {
		return s, fmt.Errorf("the settings are no JSON object: %w", err)
	}
	if wrapped.Lathe != nil {
		raw = wrapped.Lathe
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return settings{}, fmt.Errorf("the settings under \"lathe\" are diagnostics, code_lens, hover and notifications, each true or false: %w", err)
	}
	return s, nil
}

// configure applies settings; everything is shown anew.
func (c *connection) configure(s settings) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settings = s
	c.mutes.off = c.mutes.off && s.Notifications == nil || !on(s.Notifications)
	c.refresh = true
	c.revision++
	c.allDirty()
}

// didChangeConfiguration takes settings as they are sent, or asks for them when
// the editor only says that they changed.
func (c *connection) didChangeConfiguration(p *protocol.DidChangeConfigurationParams) error {
	c.mu.Lock()
	ask := c.can.configuration
	c.mu.Unlock()
	if ask {
		c.askSettings()
		return nil
	}
	s, err := readSettings(p.Settings)
	if err != nil {
		return err
	}
	c.configure(s)
	return nil
}

// initialized begins what needs the editor's answers.
func (c *connection) initialized() {
	c.mu.Lock()
	ask, register := c.can.configuration, c.can.configurationRegistration
	c.mu.Unlock()
	if register {
		c.background("client/registerCapability", func(ctx context.Context) {
			_, err := c.rpc.Call(ctx, protocol.MethodClientRegisterCapability, &protocol.RegistrationParams{Registrations: []protocol.Registration{{
				ID: "lathe-configuration", Method: protocol.MethodWorkspaceDidChangeConfiguration, RegisterOptions: protocol.LSPAny(`{"section":"lathe"}`)}}}, nil)
			c.logCall("client/registerCapability", err)
		})
	}
	if ask {
		c.askSettings()
	}
}

// askSettings reads the settings that the editor has for Lathe.
func (c *connection) askSettings() {
	c.background("workspace/configuration", func(ctx context.Context) {
		var answer []json.RawMessage
		_, err := c.rpc.Call(ctx, protocol.MethodWorkspaceConfiguration,
			&protocol.ConfigurationParams{Items: []protocol.ConfigurationItem{{Section: new("lathe")}}}, &answer)
		if err != nil || len(answer) == 0 {
			c.logCall("workspace/configuration", err)
			return
		}
		s, err := readSettings(answer[0])
		if err != nil {
			c.log.Warn("lsp: settings ignored", "why", err)
			return
		}
		c.configure(s)
	})
}
