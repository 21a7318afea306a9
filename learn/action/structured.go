package action

import (
	"encoding/json"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"lathe/learn"
)

// toolIntent is the intent of tools that agents are known to have, by
// baseName.
var toolIntent = intents(map[learn.Intent][]string{
	learn.IntentRead: {"read", "read_file", "view", "view_file", "open", "open_file", "cat", "get_file_contents", "read_text_file",
		"read_multiple_files", "read_many_files", "notebook_read", "goto", "scroll_down", "scroll_up", "bash_output", "todo_read", "read_media_file", "get_file_info"},
	learn.IntentEdit: {"edit", "edit_file", "multi_edit", "str_replace", "str_replace_editor", "str_replace_based_edit_tool", "apply_patch",
		"notebook_edit", "replace", "replace_in_file", "patch", "insert", "insert_edit_into_file", "search_replace", "update_file", "apply_diff", "undo_edit", "move_file", "text_editor"},
	learn.IntentCreate: {"write", "write_file", "create", "create_file", "write_to_file", "create_directory", "create_or_update_file", "save_file"},
	learn.IntentDelete: {"delete_file", "remove_file", "kill_bash", "kill_shell"},
	learn.IntentList:   {"ls", "list", "list_dir", "list_directory", "list_files", "directory_tree", "list_code_definition_names", "list_allowed_directories"},
	learn.IntentSearch: {"grep", "glob", "search", "search_files", "grep_search", "codebase_search", "file_search", "find_file", "find_files",
		"search_file", "search_dir", "search_code", "semantic_search", "tool_search", "search_file_content"},
	learn.IntentNetwork: {"web_fetch", "web_search", "fetch", "browser", "browser_action", "navigate", "http_request", "url_fetch"},
	learn.IntentRun:     {"python", "ipython", "run_code", "execute_code", "code_interpreter", "notebook_execute", "repl", "execute_ipython_cell"},
	learn.IntentTest:    {"run_tests", "test", "run_test"},
	learn.IntentBuild:   {"build", "build_project"},
	learn.IntentLint:    {"lint", "get_diagnostics", "read_lints", "diagnostics", "get_errors"},
	learn.IntentInstall: {"install_packages", "install", "add_dependency"},
	learn.IntentSubmit:  {"submit", "finish", "attempt_completion", "complete_task", "task_complete", "exit_plan_mode", "done"},
})

// verbIntent is the intent of the first verb in an unknown tool's name.
var verbIntent = intents(map[learn.Intent][]string{
	learn.IntentRead:    {"get", "read", "show", "describe", "view", "inspect", "check", "lookup"},
	learn.IntentList:    {"list", "enumerate"},
	learn.IntentSearch:  {"search", "find", "query", "grep", "match"},
	learn.IntentCreate:  {"create", "add", "new", "insert", "write", "book", "make"},
	learn.IntentEdit:    {"update", "edit", "modify", "set", "patch", "replace", "rename", "move"},
	learn.IntentDelete:  {"delete", "remove", "cancel", "drop"},
	learn.IntentRun:     {"run", "execute", "invoke", "eval"},
	learn.IntentNetwork: {"fetch", "download", "upload", "send", "post", "browse"},
	learn.IntentTest:    {"test", "verify"},
	learn.IntentBuild:   {"build", "compile"},
	learn.IntentLint:    {"lint"},
	learn.IntentFormat:  {"format"},
	learn.IntentInstall: {"install"},
	learn.IntentSubmit:  {"submit"},
})

// fileKeys are the parameters that name the file which a tool is about.
var fileKeys = []string{"file_path", "path", "filepath", "filename", "file", "target_file", "notebook_path", "uri", "absolute_path", "relative_path", "directory", "dir"}

// targetKeys name what a tool is about when it is no file.
var targetKeys = []string{"url", "test", "package", "name", "id", "pattern", "query", "symbol"}

// baseName is a tool's name without server prefix, in snake_case:
// "mcp__fs__readFile" and "fs.read_file" are "read_file".
func baseName(tool string) string {
	tool = cut(tool, 256)
	for _, sep := range []string{"__", ".", "/", ":"} {
		if i := strings.LastIndex(tool, sep); i >= 0 && i+len(sep) < len(tool) {
			tool = tool[i+len(sep):]
		}
	}
	return snake(tool)
}

// snake writes a name in snake_case.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case unicode.IsUpper(r):
			if i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]) && unicode.IsUpper(runes[i-1])) {
				b.WriteByte('_')
			}
			b.WriteRune(unicode.ToLower(r))
		case r == '-' || r == ' ':
			b.WriteByte('_')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// structured describes a tool that is no shell.
func structured(tool, name string, params map[string]any) learn.Action {
	act := learn.Action{Tool: tool, Program: name, Intent: namedIntent(name)}
	if name == "apply_patch" {
		return patchAction(act, params)
	}
	verb, fixed := editorCommand(params)
	if fixed && (act.Intent == learn.IntentEdit || act.Intent == learn.IntentOther) {
		act.Intent = verb
	}
	keys := make([]string, 0, len(params))
	for k := range params {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var words []string
	for _, k := range keys[:min(len(keys), maxList)] {
		if k == "command" && fixed {
			words = append(words, "command="+params[k].(string))
			continue
		}
		words = append(words, cut(k, 80)+":"+jsonType(params[k]))
		act.Arguments = append(act.Arguments, argument(k, params[k]))
	}
	act.Skeleton = cut(tool, 200) + "(" + cut(strings.Join(words, ", "), maxSkeleton) + ")"
	describe(&act, params)
	return act
}

func namedIntent(name string) learn.Intent {
	if intent, ok := toolIntent[name]; ok {
		return intent
	}
	for _, w := range strings.Split(name, "_") {
		if intent, ok := verbIntent[w]; ok {
			return intent
		}
	}
	return learn.IntentOther
}

// editorCommand reads the command of an editor with several in one tool.
func editorCommand(params map[string]any) (learn.Intent, bool) {
	switch s, _ := params["command"].(string); s {
	case "view":
		return learn.IntentRead, true
	case "create":
		return learn.IntentCreate, true
	case "str_replace", "insert", "undo_edit":
		return learn.IntentEdit, true
	}
	return "", false
}

func jsonType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

// argument is a parameter as a typed argument.
func argument(key string, v any) learn.Argument {
	switch v := v.(type) {
	case string:
		t := typeOf(v, "")
		for _, k := range fileKeys {
			if k == key && !strings.ContainsAny(v, "\n") {
				t = learn.TypePath
			}
		}
		switch key {
		case "pattern", "regex", "glob", "include":
			t = learn.TypePattern
		}
		return learn.Argument{Type: t, Value: cut(v, maxValue)}
	case float64:
		return learn.Argument{Type: learn.TypeNumber, Value: strconv.FormatFloat(v, 'g', -1, 64)}
	}
	b, err := json.Marshal(v)
	if err != nil { // not reachable: v came from JSON
		b = nil
	}
	return learn.Argument{Type: learn.TypeString, Value: cut(string(b), maxValue)}
}

// describe fills target, writes and entities.
func describe(act *learn.Action, params map[string]any) {
	var e entitySet
	for _, k := range fileKeys {
		if s, ok := params[k].(string); ok && s != "" {
			if act.Target == "" {
				act.Target = cut(s, maxValue)
			}
			e.add("file", s)
		}
	}
	for _, k := range targetKeys {
		if s, ok := params[k].(string); ok && act.Target == "" {
			act.Target = cut(s, 400)
		}
	}
	for _, a := range act.Arguments {
		if a.Type == learn.TypeURL {
			e.add("host", host(a.Value))
		}
	}
	switch act.Intent {
	case learn.IntentEdit, learn.IntentCreate, learn.IntentDelete:
		for _, x := range e.list {
			if x.Kind == "file" {
				act.Writes = append(act.Writes, x.Name)
			}
		}
	}
	act.Entities = e.list
}

// patchAction reads the files out of a patch.
func patchAction(act learn.Action, params map[string]any) learn.Action {
	act.Intent, act.Skeleton = learn.IntentEdit, cut(act.Tool, 200)+"(<string>)"
	for _, k := range []string{"input", "patch", "command", "diff", "content"} {
		text, ok := params[k].(string)
		if !ok {
			continue
		}
		act.Arguments = []learn.Argument{{Type: learn.TypeString, Value: cut(text, maxValue)}}
		act.Writes = inlineWrites(&simple{program: "apply_patch"}, text)
		for _, f := range act.Writes {
			act.Entities = append(act.Entities, learn.Entity{Kind: "file", Name: f})
		}
		break
	}
	if len(act.Writes) > 0 {
		act.Target = act.Writes[0]
	}
	return act
}
