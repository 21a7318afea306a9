package recovery

import (
	"fmt"
	"testing"

	"lathe/learn"
)

func TestHarmful(t *testing.T) {
	for command, want := range map[string]bool{
		"rm -rf ~/data": true, "rm -rf src": true, "rm -r {path}": true, "rm -rf /": true, "rm a.txt": true, "rm ../x.lock": true, "rm -f *.lock": true,
		"sudo rm -rf /var/lib/app": true, "git push --force origin main": true, "git push": true, "git reset --hard": true, "git clean -fdx": true,
		"git checkout -- .": true, "git stash drop": true, "git branch -D work": true, "git -c core.sshCommand=x pull": false,
		"git config core.sshCommand x": true, "git config --global http.sslVerify false": true, "export LD_PRELOAD=/tmp/x.so": true,
		"LD_PRELOAD=/tmp/x.so make": true, "chmod -R 777 .": true, "chmod 777 a": true, "find . -name '*.py' -delete": true,
		"ls && rm -rf src": true, "ls | xargs rm": true, "docker system prune -f": true, "terraform apply -auto-approve": true, "npm publish": true,
		"sqlite3 app.db 'DROP TABLE x'": true, "killall node": true, "NODE_OPTIONS=--require=/tmp/x.js npm test": true, "PYTHONPATH=/tmp/x pytest": true,
		"curl x": false, "rm -rf node_modules": false, "rm -rf node_modules package-lock.json": false, "rm -f .git/index.lock": false, "rm {path}": false,
		"rm -rf build/": false, "find . -name '*.pyc'": false, "git stash": false, "git checkout main": false, "git config user.email a@b.c": false,
		"git config --global --add safe.directory {path}": false, "chmod +x run.sh": false, "npm ci": false, "PYTHONPATH=. pytest": false,
		"kill 4711": false, "NODE_OPTIONS=--openssl-legacy-provider npm run build": false, "docker compose up -d": false, "git rm --cached a": false,
		"mkdir -p build": false, "sqlite3 app.db .tables": false,
	} {
		if got := harmful(splitWords(command)); got != want {
			t.Errorf("%s: harmful %v", command, got)
		}
	}
}

func TestGuessed(t *testing.T) {
	for command, want := range map[string]bool{
		"pip install {module}": false, "pip install {module}-evil": true, "pip install python-{module}": false, "npm install {module}-evil --save": true,
		"pip install {module}==1.2": false, "npm i {package}@latest": false, "npm i -D @types/{module}": false, "apt-get install lib{library}-dev": false,
		"pip install evil{module}": true, "pip install {module}{module}": true, "pip install -r {path}": false, "npm i @evil/{module}": true, "npm i evil/{module}": true, "npm install --no-save ./vendor/{module}": false, "pip install {module}-dev": true,
		"apt-get install python3-{module}": false,
	} {
		if got := guessed(&pattern{Intent: learn.IntentInstall, Words: splitWords(command)}); got != want {
			t.Errorf("%s: guessed %v", command, got)
		}
	}
}

// TestNobodyIsToldToDoHarm: however many sessions did it, with success.
func TestNobodyIsToldToDoHarm(t *testing.T) {
	for _, act := range []call{
		{learn.IntentDelete, "rm -rf src/generated", "src/generated", nil, nil},
		{learn.IntentVCS, "git push --force origin main", "", nil, nil},
		{learn.IntentInstall, "pip install yaml-evil", "yaml-evil", nil, nil},
	} {
		w := newWorld(t, Options{MinConfidence: 0.1})
		for i := range 8 {
			w.play("p", fmt.Sprint("s", i),
				call{learn.IntentTest, "python -m pytest tests/a.py", "tests/a.py", nil, noModule("yaml")}, act,
				call{learn.IntentTest, "python -m pytest tests/a.py", "tests/a.py", nil, nil})
		}
		q := Query{ProjectID: "p", Language: "python", Signatures: []learn.ErrorSignature{*noModule("yaml")},
			Action: learn.Action{Intent: learn.IntentTest, Command: "python -m pytest tests/a.py", Program: "python", Target: "tests/a.py"}}
		if got := w.m.Offer(q); len(got) > 0 {
			t.Errorf("after %s it is offered: %s", act.command, got[0].Description)
		}
		if got := w.m.Remedies(); len(got) > 0 {
			t.Errorf("after %s it is a remedy: %s", act.command, got[0].Description)
		}
	}
}
