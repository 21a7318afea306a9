package connect

import "strings"

func editors() []Client {
	return []Client{
		{Name: "neovim", Title: "Neovim", files: neovimFiles},
		{Name: "emacs", Title: "Emacs", files: emacsFiles},
		{Name: "helix", Title: "Helix", files: helixFiles,
			Note: "Helix starts a language server only where a language names it: add \"lathe\" to the language-servers of your languages in the same file, behind those that are there, such as language-servers = [\"pylsp\", \"lathe\"]."},
	}
}

// lsp is the language server's command line as words.
func (l Lathe) lsp() []string { return append([]string{l.Program, "lsp"}, l.data()...) }

// quoted are words as strings of a language that writes them as JSON does,
// which Lua, Emacs Lisp and TOML do for what paths hold.
func quoted(words []string, between string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(value(w))
	}
	return strings.Join(out, between)
}

func neovimFiles(l Lathe, w Where) []settingsFile {
	return []settingsFile{{w.config("nvim", "plugin", "lathe.lua"), "the language server", "lua", fileEdit{
		"-- Written by lathe connect neovim; lathe connect neovim --remove takes it away.", `vim.api.nvim_create_autocmd({ "BufReadPost", "BufNewFile" }, {
  group = vim.api.nvim_create_augroup("lathe", {}),
  callback = function(ev)
    local name = vim.api.nvim_buf_get_name(ev.buf)
    if vim.bo[ev.buf].buftype ~= "" or name == "" then return end
    local mark = vim.fs.find({ ".git", ".lathe", ".ocode" }, { upward = true, path = vim.fs.dirname(name) })[1]
    if not mark then return end
    vim.lsp.start({ name = "lathe", cmd = { ` + quoted(l.lsp(), ", ") + ` }, root_dir = vim.fs.dirname(mark) }, { bufnr = ev.buf })
  end,
})
`}}}
}

func emacsFiles(l Lathe, w Where) []settingsFile {
	path := w.under("", ".emacs.d", "init.el")
	return []settingsFile{{path, "the language server, for eglot", "elisp", blockEdit{";;", `(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs
               '((js-mode json-mode js-json-mode json-ts-mode) ` + quoted(l.lsp(), " ") + `)))
`}}}
}

func helixFiles(l Lathe, w Where) []settingsFile {
	words := l.lsp()
	return []settingsFile{{w.config("helix", "languages.toml"), "the language server", "toml", tomlEdit{[]string{"language-server", "lathe"},
		"command = " + string(value(words[0])) + "\nargs = [" + quoted(words[1:], ", ") + "]\n"}}}
}
