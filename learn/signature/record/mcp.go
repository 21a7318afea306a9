package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// response is what an MCP server answers to a request.
type response struct {
	ID    *int `json:"id"`
	Error *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Result *struct {
		IsError bool `json:"isError"`
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
	} `json:"result"`
}

// ask starts an MCP server, sends the requests of the scenario's command, one
// {"method":..., "params":...} a line, and records the last answer.
func (h *house) ask(r recording, s scenario, server, dir string) (recording, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", server)
	h.furnish(cmd, dir, s.Root)
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return r, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return r, err
	}
	if err := cmd.Start(); err != nil {
		return r, fmt.Errorf("start MCP server %s: %w", server, err)
	}
	answers := bufio.NewScanner(out)
	answers.Buffer(nil, 8<<20)
	const hello = `{"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"record","version":"1"}}}`
	var last *response
	for i, line := range append([]string{hello}, strings.Split(s.Command, "\n")...) {
		if last, err = request(in, answers, i+1, line); err != nil {
			cancel()
			cmd.Wait()
			return r, err
		}
		if i == 0 {
			fmt.Fprintln(in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		}
	}
	cancel()
	cmd.Wait() // it was killed
	switch {
	case last.Error != nil:
		r.Code, r.Message = fmt.Sprint(last.Error.Code), h.clean(last.Error.Message)
	case last.Result != nil && last.Result.IsError:
		for _, c := range last.Result.Content {
			r.Output += h.clean(c.Text)
		}
	default:
		return r, fmt.Errorf("the last request did not fail")
	}
	return r, nil
}

// request sends one request and waits for its answer.
func request(in io.Writer, answers *bufio.Scanner, id int, line string) (*response, error) {
	var req map[string]any
	if err := json.Unmarshal([]byte(line), &req); err != nil {
		return nil, fmt.Errorf("request %s: %w", line, err)
	}
	req["jsonrpc"], req["id"] = "2.0", id
	raw, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	if _, err := in.Write(append(raw, '\n')); err != nil {
		return nil, err
	}
	for answers.Scan() {
		var a response
		if err := json.Unmarshal(answers.Bytes(), &a); err == nil && a.ID != nil && *a.ID == id {
			return &a, nil
		}
	}
	return nil, fmt.Errorf("the MCP server ended without an answer to %s", line)
}
