-- Drives Neovim with what `lathe connect neovim` wrote, as a person would: opens
-- a file, sees what is proposed, has the editor unlocked, approves. Prints what
-- it saw as JSON behind "saw ". LATHE_TEST_FILE is a plan template, or with
-- LATHE_TEST_TOOL a tool's source.
local out = { errors = {} }

local function finish()
  io.stdout:write("\nsaw " .. vim.json.encode(out) .. "\n")
  io.stdout:flush()
  vim.cmd("qall!")
end

local function wait(what, ok)
  if not vim.wait(60000, ok, 20) then
    table.insert(out.errors, "waited in vain for " .. what)
    finish()
    error(what)
  end
end

vim.cmd("edit " .. vim.fn.fnameescape(vim.env.LATHE_TEST_FILE))
local buffer = vim.api.nvim_get_current_buf()
local function proposed()
  return vim.tbl_filter(function(d) return d.source == "lathe" and d.severity == vim.diagnostic.severity.INFO end, vim.diagnostic.get(buffer))
end
wait("a diagnostic", function() return #proposed() > 0 end)
local first = proposed()[1]
out.line, out.message = first.lnum, first.message
vim.api.nvim_win_set_cursor(0, { first.lnum + 1, first.col })

-- The menu of code actions: what is offered, and the first that begins so.
local function menu(title)
  local offered, taken = nil, false
  vim.ui.select = function(items, options, choose)
    offered = {}
    local choice
    for _, item in ipairs(items) do
      local text = options.format_item and options.format_item(item) or tostring(item)
      table.insert(offered, text)
      if title and not choice and text:find(title, 1, true) then
        choice = item
      end
    end
    taken = choice ~= nil
    choose(choice)
  end
  vim.lsp.buf.code_action()
  wait("the menu of code actions", function() return offered ~= nil end)
  return offered, taken
end

out.locked = menu("Lathe: Unlock")
wait("the action to approve", function()
  out.unlocked = menu()
  return table.concat(out.unlocked, "\n"):find("Lathe: approve", 1, true) ~= nil
end)
local hovered = vim.lsp.buf_request_sync(buffer, "textDocument/hover", vim.lsp.util.make_position_params(), 60000)
for _, answer in pairs(hovered or {}) do
  out.hover = answer.result and answer.result.contents.value or nil
end
menu("Lathe: approve")
if vim.env.LATHE_TEST_TOOL then
  wait("the proposal to go", function() return #proposed() == 0 end)
  finish()
end
wait("the file on disk to change", function()
  return table.concat(vim.fn.readfile(vim.env.LATHE_TEST_FILE), "\n") ~= table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\n")
end)
finish()
