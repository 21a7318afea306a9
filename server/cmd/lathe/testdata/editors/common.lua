-- What the drivers of Neovim share. They print what they saw as JSON behind
-- "saw ", and ask for what only the test can do with "please NAME;".
local M = { out = { errors = {} } }

function M.finish()
  io.stdout:write("\nsaw " .. vim.json.encode(M.out) .. "\n")
  io.stdout:flush()
  vim.cmd("qall!")
end

function M.wait(what, ok)
  if not vim.wait(60000, ok, 20) then
    table.insert(M.out.errors, "waited in vain for " .. what)
    M.finish()
    error(what)
  end
end

-- The test does it and then makes a file of that name.
function M.please(what)
  io.stdout:write("\nplease " .. what .. ";\n")
  io.stdout:flush()
  M.wait(what, function() return vim.fn.filereadable(vim.env.LATHE_TEST_DONE .. "/" .. what) == 1 end)
end

function M.open(file)
  vim.cmd("edit " .. vim.fn.fnameescape(file))
  return vim.api.nvim_get_current_buf()
end

function M.proposed(buffer)
  return vim.tbl_filter(function(d) return d.source == "lathe" and d.severity == vim.diagnostic.severity.INFO end, vim.diagnostic.get(buffer))
end

-- The menu of code actions: what is offered, and the first that begins so.
function M.menu(title)
  local offered = nil
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
    choose(choice)
  end
  vim.lsp.buf.code_action()
  M.wait("the menu of code actions", function() return offered ~= nil end)
  return offered
end

function M.offers(title) return table.concat(M.menu(), "\n"):find(title, 1, true) ~= nil end

function M.hover(buffer)
  for _, answer in pairs(vim.lsp.buf_request_sync(buffer, "textDocument/hover", vim.lsp.util.make_position_params(), 60000) or {}) do
    return answer.result and answer.result.contents.value or nil
  end
end

return M
