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
		"-- Written by lathe connect neovim; lathe connect neovim --remove takes it away.", strings.ReplaceAll(neovimLua, "COMMAND", quoted(l.lsp(), ", "))}}}
}

// neovimLua works from Neovim 0.7 on. Its second part tells Lathe of what other
// servers say of a file, before and after an agent changed it.
const neovimLua = `local group = vim.api.nvim_create_augroup("lathe", {})
local running = {} -- by folder

-- Not finddir: it takes a space in a folder's name for the end of it.
local function folder(path)
  for _, mark in ipairs({ ".git", ".lathe", ".ocode" }) do
    local at = path
    while true do
      if vim.loop.fs_stat(at .. "/" .. mark) then return at end
      local above = vim.fn.fnamemodify(at, ":h")
      if above == at then break end
      at = above
    end
  end
end

vim.api.nvim_create_autocmd({ "BufReadPost", "BufNewFile" }, {
  group = group,
  callback = function(ev)
    local name = vim.api.nvim_buf_get_name(ev.buf)
    if vim.bo[ev.buf].buftype ~= "" or name == "" then return end
    local root = folder(vim.fn.fnamemodify(name, ":p:h"))
    if not root then return end
    if not running[root] or not vim.lsp.get_client_by_id(running[root]) then
      running[root] = vim.lsp.start_client({ name = "lathe", cmd = { COMMAND }, root_dir = root,
        workspace_folders = { { uri = vim.uri_from_fname(root), name = vim.fn.fnamemodify(root, ":t") } } })
    end
    if running[root] then vim.lsp.buf_attach_client(ev.buf, running[root]) end
  end,
})

vim.api.nvim_create_autocmd("DiagnosticChanged", {
  group = group,
  callback = function(ev)
    local list = {}
    for _, d in ipairs(vim.diagnostic.get(ev.buf)) do
      if d.source ~= "lathe" then
        table.insert(list, { message = d.message, severity = d.severity, source = d.source,
          range = { start = { line = d.lnum, character = 0 }, ["end"] = { line = d.lnum, character = 0 } } })
      end
    end
    for _, id in pairs(running) do
      local client = vim.lsp.get_client_by_id(id)
      if client and vim.lsp.buf_is_attached(ev.buf, id) then
        client.rpc.notify("lathe/diagnostics", { uri = vim.uri_from_bufnr(ev.buf), diagnostics = list })
      end
    end
  end,
})
`

func emacsFiles(l Lathe, w Where) []settingsFile {
	path := w.under("", ".emacs.d", "init.el")
	return []settingsFile{{path, "the language server, for eglot and lsp-mode", "elisp", blockEdit{";;", `(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs
               '((js-mode json-mode js-json-mode json-ts-mode) ` + quoted(l.lsp(), " ") + `)))
(with-eval-after-load 'lsp-mode
  (lsp-register-client
   (make-lsp-client :new-connection (lsp-stdio-connection '(` + quoted(l.lsp(), " ") + `))
                    :activation-fn (lambda (&rest _) t) :server-id 'lathe
                    :add-on? t :multi-root t)))
`}}}
}

func helixFiles(l Lathe, w Where) []settingsFile {
	words := l.lsp()
	return []settingsFile{{w.config("helix", "languages.toml"), "the language server", "toml", tomlEdit{[]string{"language-server", "lathe"},
		"command = " + string(value(words[0])) + "\nargs = [" + quoted(words[1:], ", ") + "]\n"}}}
}
