-- Drives Neovim in a file that another server has a problem with: takes what
-- fixed it before, and says that it worked.
local on = dofile(vim.env.LATHE_TEST_SHARED)
local buffer = on.open(vim.env.LATHE_TEST_FILE)
on.wait("a server", function() return #vim.lsp.get_active_clients() > 0 end)
local params = vim.lsp.util.make_range_params()
params.context = { diagnostics = { { range = params.range, severity = 1, source = "pyright", message = 'Import "shop" could not be resolved' } } }
on.out.offered, on.out.taken = {}, {}

local function take(title)
  local command, client
  on.wait(title, function()
    for id, answer in pairs(vim.lsp.buf_request_sync(buffer, "textDocument/codeAction", params, 60000) or {}) do
      for _, action in ipairs(answer.result or {}) do
        if not vim.tbl_contains(on.out.offered, action.title) then table.insert(on.out.offered, action.title) end
        if not command and action.title:find(title, 1, true) then
          command, client = action.command, vim.lsp.get_client_by_id(id)
        end
      end
    end
    return command ~= nil
  end)
  local done
  client.request("workspace/executeCommand", { command = command.command, arguments = command.arguments }, function(err)
    done = err and err.message or command.command
  end, buffer)
  on.wait("the answer to " .. command.command, function() return done ~= nil end)
  table.insert(on.out.taken, done)
end

take("Lathe: show what fixed this before")
take("Lathe: this fix worked")
take("Lathe: this fix did not work")
on.finish()
