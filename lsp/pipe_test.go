package lsp

func pipeMain() bool { return false }
