package codegraph

import "lathe/learn"

type history struct{}

func (h *history) known(path, hash string, e learn.CodeEntity) *learn.CodeHistory { return nil }
