package redact

import (
	"strings"

	"lathe/learn"
)

// Record redacts every text of the record in place and returns how many
// secrets it replaced. Identifiers that others chose (call, plan, step, project,
// session, task, agent) are texts like any other: one secret becomes one marker,
// so that what they join stays joined. Parameters that are not JSON become one
// JSON string.
func (r *Redactor) Record(rec *learn.Record) (found int) {
	if a := rec.Action; a != nil {
		found += r.action(a)
	}
	if t := rec.Task; t != nil {
		found += r.inPlace(&t.Prompt, &t.Feedback, &t.ProblemType, &t.ProjectID, &t.SessionID, &t.TaskID, &t.AgentID)
	}
	return found
}

func (r *Redactor) action(a *learn.ActionOutcome) (found int) {
	clean, n := r.JSON(a.ToolParameters)
	a.ToolParameters = clean
	found = n
	o, c := &a.ToolOutput, &a.ContextSnapshot
	found += r.inPlace(&a.CallID, &a.PlanID, &a.StepID, &a.ProjectID, &a.SessionID, &a.TaskID, &a.AgentID)
	found += r.inPlace(&a.ToolName, &o.Stdout, &o.Stderr, &o.Content, &c.CWD)
	if e := a.ErrorDetails; e != nil {
		found += r.inPlace(&e.Message, &e.Code, &e.StackTrace)
	}
	if g := a.Generated; g != nil { // the hosts are the tool's choice
		for i := range g.Network {
			found += r.inPlace(&g.Network[i].Host, &g.Network[i].Reason)
		}
	}
	for _, list := range [][]string{c.ActiveFiles, c.CodeEntities} {
		for i := range list {
			found += r.inPlace(&list[i])
		}
	}
	return found + r.environment(c.Environment)
}

func (r *Redactor) inPlace(texts ...*string) (found int) {
	for _, t := range texts {
		clean, n := r.String(*t)
		if n > 0 {
			*t = clean
			found += n
		}
	}
	return found
}

func (r *Redactor) environment(env map[string]string) (found int) {
	for name, value := range env {
		clean, n := r.named(name, value)
		if n > 0 {
			env[name] = clean
			found += n
		}
	}
	return found
}

// named redacts a value of which the name is known.
func (r *Redactor) named(name, value string) (string, int) {
	if sensitiveName(name) && len(value) >= 4 && !placeholder(value) && !isPath(value) {
		return Marker(RuleSensitiveName), 1
	}
	return r.String(value)
}

// sensitiveName tells names of which the value is a secret whatever it looks
// like: password, db_password, clientSecret, API_KEY, X-Auth-Token.
func sensitiveName(name string) bool {
	if name == "" {
		return false
	}
	name = strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(name))
	for _, end := range []string{"id", "file", "path", "url", "uri", "name", "length", "hash", "count", "type", "policy"} {
		if strings.HasSuffix(name, end) {
			return false
		}
	}
	for _, word := range []string{"password", "passwd", "passphrase", "secret", "apikey", "accesskey", "privatekey",
		"authtoken", "accesstoken", "refreshtoken", "bearertoken", "githubtoken", "credential"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return name == "authorization" || name == "proxyauthorization" || name == "pgpass" || name == "mysqlpwd" ||
		strings.HasSuffix(name, "token") && name != "token" && name != "nexttoken" && name != "pagetoken"
}
