package gateway

var searchTools []*entry

func (g *Gateway) own(x *exchange) bool { return false }
