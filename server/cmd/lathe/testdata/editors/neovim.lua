-- Drives Neovim with what `lathe connect neovim` wrote, as a person would: opens
-- a file, sees what is proposed, has the editor unlocked, approves.
-- LATHE_TEST_FILE is a plan template, or with LATHE_TEST_TOOL a tool's source.
local on = dofile(vim.env.LATHE_TEST_SHARED)
local buffer = on.open(vim.env.LATHE_TEST_FILE)
on.wait("a diagnostic", function() return #on.proposed(buffer) > 0 end)
local first = on.proposed(buffer)[1]
on.out.line, on.out.message = first.lnum, first.message
vim.api.nvim_win_set_cursor(0, { first.lnum + 1, first.col })

on.out.locked = on.menu("Lathe: Unlock")
on.wait("the action to approve", function()
  on.out.unlocked = on.menu()
  return table.concat(on.out.unlocked, "\n"):find("Lathe: approve", 1, true) ~= nil
end)
on.out.hover = on.hover(buffer)
on.menu("Lathe: approve")
if vim.env.LATHE_TEST_TOOL then
  on.wait("the proposal to go", function() return #on.proposed(buffer) == 0 end)
else
  on.wait("the file on disk to change", function()
    return table.concat(vim.fn.readfile(vim.env.LATHE_TEST_FILE), "\n") ~= table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\n")
  end)
end
on.finish()
