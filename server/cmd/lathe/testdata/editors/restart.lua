-- Drives Neovim with two checkouts of one project open, LATHE_TEST_FILE and
-- LATHE_TEST_OTHER, while the daemon is killed twice: in the middle of an
-- approval, and at once behind one.
local on = dofile(vim.env.LATHE_TEST_SHARED)
local other = on.open(vim.env.LATHE_TEST_OTHER)
local buffer = on.open(vim.env.LATHE_TEST_FILE)
on.wait("diagnostics in one", function() return #on.proposed(buffer) > 0 end)
on.wait("diagnostics in the other", function() return #on.proposed(other) > 0 end)
local first = on.proposed(buffer)[1]
on.out.line, on.out.message = first.lnum, first.message
vim.api.nvim_win_set_cursor(0, { first.lnum + 1, first.col })
on.out.locked = on.menu("Lathe: Unlock")
local params = vim.lsp.util.make_range_params()
params.context = { diagnostics = {} }
local approve, client
on.wait("the action to approve", function()
  for id, answer in pairs(vim.lsp.buf_request_sync(buffer, "textDocument/codeAction", params, 60000) or {}) do
    for _, action in ipairs(answer.result or {}) do
      if action.title:find("Lathe: approve", 1, true) then approve, client = action.command, vim.lsp.get_client_by_id(id) end
    end
  end
  return approve ~= nil
end)

on.please("stop")
local told
client.request("workspace/executeCommand", { command = approve.command, arguments = approve.arguments }, function(err) told = err and err.message or "done" end, buffer)
on.please("kill")
on.wait("word of the approval", function() return told ~= nil end)
on.out.told = told

-- The next question starts a daemon, which is told of both files.
on.out.hover = on.hover(buffer)
on.wait("the diagnostics to come back", function() return #on.proposed(buffer) > 0 and #on.proposed(other) > 0 end)
on.out.after = on.menu("Lathe: Unlock")
on.wait("the action to approve again", function() return on.offers("Lathe: approve") end)
on.menu("Lathe: approve")
local before = table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\n")
on.wait("the file on disk to change", function() return table.concat(vim.fn.readfile(vim.env.LATHE_TEST_FILE), "\n") ~= before end)
on.please("again")
vim.cmd("edit!") -- as it is on disk now
on.wait("the other checkout's proposals to come back", function()
  on.hover(buffer)
  return #on.proposed(other) > 0
end)
on.finish()
