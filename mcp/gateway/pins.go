package gateway

import "context"

type Definition struct {
	Name string
	Text []byte
}
type Pins struct{}

func (g *Gateway) vet(ctx context.Context, server string, defs []Definition, leave func(error)) []Definition {
	return defs
}
func (g *Gateway) watchPins(ctx context.Context) {}
func (g *Gateway) withheld(name string) string   { return "" }
