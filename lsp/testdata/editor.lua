-- Drives Neovim (0.7 or later) as a person would: opens a plan, sees what is
-- proposed, waits until the connection is unlocked, rejects one proposal,
-- approves another. Prints one JSON document. The Go test gives the paths in
-- the environment: LSP_TEST_FILE, LSP_TEST_COMMAND, LSP_TEST_PIPE, LSP_TEST_ROOT.
-- Asked for the unlock page, the test unlocks the connection as a person would.

local out = { messages = {}, errors = {} }
local file = vim.env.LSP_TEST_FILE

local function finish()
  print(vim.json.encode(out))
  vim.cmd("qall!")
end

local function wait(what, ok)
  if not vim.wait(20000, ok, 20) then
    table.insert(out.errors, "waited in vain for " .. what)
    finish()
    error(what)
  end
end

vim.lsp.handlers["window/showMessage"] = function(_, result)
  table.insert(out.messages, result.message)
end

vim.cmd("edit " .. vim.fn.fnameescape(file))
local buffer = vim.api.nvim_get_current_buf()
local client_id = vim.lsp.start_client({
  name = "lathe",
  cmd = { vim.env.LSP_TEST_COMMAND },
  cmd_env = { LSP_TEST_PIPE_SOCKET = vim.env.LSP_TEST_PIPE },
  root_dir = vim.env.LSP_TEST_ROOT,
  workspace_folders = { { uri = vim.uri_from_fname(vim.env.LSP_TEST_ROOT), name = "test" } },
})
vim.lsp.buf_attach_client(buffer, client_id)
local client = vim.lsp.get_client_by_id(client_id)

local function request(method, params)
  local reply = client.request_sync(method, params, 20000, buffer)
  if reply == nil then
    return nil, "no answer"
  end
  return reply.result, reply.err and reply.err.message or nil
end

local function actions(line)
  local result, err = request("textDocument/codeAction", {
    textDocument = { uri = vim.uri_from_bufnr(buffer) },
    range = { start = { line = line, character = 0 }, ["end"] = { line = line, character = 0 } },
    context = { diagnostics = {} },
  })
  if err then
    table.insert(out.errors, err)
  end
  return result or {}
end

local function titles(list)
  local t = {}
  for _, a in ipairs(list) do
    table.insert(t, a.title)
  end
  return t
end

local function execute(list, name)
  for _, a in ipairs(list) do
    local command = type(a.command) == "table" and a.command or a
    if command.command == name then
      return request("workspace/executeCommand", { command = command.command, arguments = command.arguments })
    end
  end
  return nil, "not offered: " .. name
end

local function shown(n)
  wait(n .. " diagnostics", function()
    return #vim.diagnostic.get(buffer) == n
  end)
end

shown(2)
out.diagnostics = vim.tbl_map(function(d)
  return { line = d.lnum, column = d.col, severity = d.severity, source = d.source, message = d.message }
end, vim.diagnostic.get(buffer))
table.sort(out.diagnostics, function(a, b) return a.line < b.line end)

-- An edit above moves what is shown.
vim.api.nvim_buf_set_lines(buffer, 0, 0, false, { "" })
wait("the diagnostics one line further down", function()
  local first = 1000
  for _, d in ipairs(vim.diagnostic.get(buffer)) do
    first = math.min(first, d.lnum)
  end
  return first == out.diagnostics[1].line + 1
end)

local locked = actions(out.diagnostics[2].line + 1)
out.locked_actions = titles(locked)
out.hover = request("textDocument/hover", {
  textDocument = { uri = vim.uri_from_bufnr(buffer) },
  position = { line = out.diagnostics[2].line + 1, character = 3 },
})
local _, unlock_error = execute(locked, "lathe.unlock")
out.unlock_error = unlock_error
local unlocked = {}
wait("the action to approve", function()
  unlocked = actions(out.diagnostics[1].line + 1)
  return table.concat(titles(unlocked), "\n"):find("Lathe: approve", 1, true) ~= nil
end)
out.unlocked_actions = titles(unlocked)
local second = actions(out.diagnostics[2].line + 1)
out.reject_result, out.reject_error = execute(second, "lathe.reject")
shown(1)
out.again_result, out.again_error = execute(second, "lathe.reject")

out.approve_result, out.approve_error = execute(unlocked, "lathe.approve")
shown(0)
client.stop()
wait("the server's end", function() return client.is_stopped() end)
finish()
