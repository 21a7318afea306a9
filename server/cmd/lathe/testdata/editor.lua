-- Opens a plan template in Neovim with `lathe lsp` as its language server,
-- waits for what the daemon proposes, rejects one proposal, and prints what it
-- saw as JSON. LATHE_TEST_LSP is the command, LATHE_TEST_FILE the file.
local out = { errors = {}, messages = {} }

local function finish()
  print(vim.json.encode(out))
  vim.cmd("qall!")
end

local function wait(what, ok)
  if not vim.wait(60000, ok, 20) then
    table.insert(out.errors, "waited in vain for " .. what)
    finish()
    error(what)
  end
end

vim.lsp.handlers["window/showMessage"] = function(_, result)
  table.insert(out.messages, result.message)
end

vim.cmd("edit " .. vim.fn.fnameescape(vim.env.LATHE_TEST_FILE))
local buffer = vim.api.nvim_get_current_buf()
local root = vim.env.LATHE_TEST_ROOT
local id = vim.lsp.start_client({
  name = "lathe",
  cmd = vim.split(vim.env.LATHE_TEST_LSP, " "),
  root_dir = root,
  workspace_folders = { { uri = vim.uri_from_fname(root), name = "test" } },
})
vim.lsp.buf_attach_client(buffer, id)
local client = vim.lsp.get_client_by_id(id)

wait("a diagnostic", function() return #vim.diagnostic.get(buffer) > 0 end)
local before = #vim.diagnostic.get(buffer)
out.before = before
local first = vim.diagnostic.get(buffer)[1]
out.line, out.severity, out.message = first.lnum, first.severity, first.message

local reply = client.request_sync("textDocument/codeAction", {
  textDocument = { uri = vim.uri_from_bufnr(buffer) },
  range = { start = { line = first.lnum, character = 0 }, ["end"] = { line = first.lnum, character = 0 } },
  context = { diagnostics = {} },
}, 20000, buffer)
out.actions = {}
local reject
for _, a in ipairs(reply.result or {}) do
  table.insert(out.actions, a.title)
  local command = type(a.command) == "table" and a.command or a
  if command.command == "lathe.reject" and not reject then
    reject = command
  end
end
local done = client.request_sync("workspace/executeCommand", { command = reject.command, arguments = reject.arguments }, 20000, buffer)
out.reject_error = done.err and done.err.message or nil
wait("one diagnostic less", function() return #vim.diagnostic.get(buffer) == before - 1 end)
out.after = #vim.diagnostic.get(buffer)
client.stop()
wait("the server's end", function() return client.is_stopped() end)
finish()
