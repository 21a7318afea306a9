package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"lathe/learn"
	"lathe/learn/action"
	"lathe/learn/signature"
)

func main() {
	a, err := signature.New()
	if err != nil {
		panic(err)
	}
	textOnly := len(os.Args) > 1 && os.Args[1] == "text"
	s := bufio.NewScanner(os.Stdin)
	s.Buffer(make([]byte, 1<<20), 64<<20)
	for s.Scan() {
		var in struct {
			Text string `json:"text"`
			Cmd  string `json:"cmd"`
			Tool string `json:"tool"`
			RC   *int   `json:"rc"`
		}
		if err := json.Unmarshal(s.Bytes(), &in); err != nil {
			panic(err)
		}
		one := 1
		ev := &learn.ActionOutcome{ToolName: "bash", Status: learn.StatusFailure, ToolOutput: learn.ToolOutput{Content: in.Text, ExitCode: in.RC}}
		if textOnly {
			ev.ToolOutput.ExitCode = &one
		} else {
			if in.Tool != "" {
				ev.ToolName = in.Tool
			}
			p, _ := json.Marshal(map[string]string{"command": in.Cmd})
			ev.ToolParameters = p
		}
		sigs := a.Learn(ev, action.Parse(ev))
		var out []string
		for _, g := range sigs {
			out = append(out, g.ID)
		}
		first := ""
		if len(sigs) > 0 {
			first = sigs[0].Salient
		}
		fmt.Printf("%s\t%s\n", strings.Join(out, " "), strings.ReplaceAll(first, "\t", " "))
	}
}
