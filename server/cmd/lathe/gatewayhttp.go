package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"lathe/mcp/gateway"
)

// gatewayTokenVar is the variable that has the token of the gateway's HTTP face.
const gatewayTokenVar = "LATHE_GATEWAY_TOKEN"

// serveGatewayHTTP serves agents over Streamable HTTP on a loopback address
// until ctx ends.
func (a *app) serveGatewayHTTP(ctx context.Context, g *gateway.Gateway, addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return usagef("--http %s: an address of this machine is needed, like 127.0.0.1:4800", addr)
	}
	token, said := os.Getenv(gatewayTokenVar), "$"+gatewayTokenVar
	if token == "" {
		token = rand.Text()
		said = token
	}
	face, err := gateway.NewFace(g, token)
	if err != nil {
		return fmt.Errorf("%s: %w", gatewayTokenVar, err)
	}
	defer face.Close()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	srv := &http.Server{Handler: http.NewServeMux(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	srv.Handler.(*http.ServeMux).Handle("/mcp", face)
	fmt.Fprintf(a.errs, "agents reach the gateway at http://%s/mcp with the header Authorization: Bearer %s\n", ln.Addr(), said)
	stopped := make(chan error, 1)
	go func() { stopped <- srv.Serve(ln) }()
	select {
	case <-ctx.Done():
		face.Close() // ends the streams that are held open
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return errors.Join(srv.Shutdown(end), srv.Close())
	case err := <-stopped:
		return fmt.Errorf("gateway: %w", err)
	}
}
