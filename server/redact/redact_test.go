package redact

import (
	"strings"
	"sync"
	"testing"
)

// Secrets are put together at run time, so that no scanner takes this file for
// a leak.
var (
	hex40   = strings.Repeat("3f9a1c7e", 5)
	random  = "q7" + "Zk2vX9" + "mB4tR8" + "wL5nH3" + "pY6cD1" + "fG0jK2" + "aS4e"
	ghToken = "ghp" + "_" + random
	awsID   = "AK" + "IA" + "Z7QX3M5T" + "R2W6Y4NB"
	slack   = "xox" + "b-" + "263594206564-2343594206574-" + "FGqddMF8t08v8N7Oq4i57vs1"
	npm     = "npm" + "_" + random
	jwtLike = "ey" + "JhbGciOiJIUzI1NiJ9" + "." + "ey" + "JzdWIiOiIxMjM0NTY3ODkwIn0" + "." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	keyBody = strings.Repeat("MIIEow"+"IBAAKCAQEA7bq8f1Xj2m9Kq3Zp0aVw5Lr6Ty\n", 6)
	pemKey  = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + keyBody + "-----END RSA " + "PRIVATE KEY-----"
	pw      = "hunt" + "er2!x"
	short   = "zq" + "19Aabc77"
	spaced  = "zq19 " + "Aabc"
)

func redactor(t testing.TB) *Redactor {
	t.Helper()
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestString(t *testing.T) {
	const keep = "" // the text must come out as it went in
	tests := []struct{ name, in, want string }{
		{"url password", "git clone https://joe:" + pw + "@git.example.org/x.git", "git clone https://joe:[redacted:url-userinfo]@git.example.org/x.git"},
		{"url password with at", "redis://:p4ss@w0rd!@cache:6379/0", "redis://:[redacted:url-userinfo]@cache:6379/0"},
		{"url token as user", "https://" + strings.ToLower(random) + "@example.org/x", "https://[redacted:url-userinfo]@example.org/x"},
		{"url without password", "git fetch ssh://git@github.com/x/y and https://localhost:8080/@scope/pkg", keep},
		{"url variable", "curl https://joe:$PASS@host/ https://u:${PW}@host https://user:<password>@host https://user:password@host", keep},
		{"url port then mail", "see http://host:80 or mail me@example.org", keep},

		{"curl -u", "curl -u joe:" + pw + " https://host/api", "curl -u joe:[redacted:user-flag] https://host/api"},
		{"curl --user quoted", `curl --user "joe:` + pw + `" host`, `curl --user "joe:[redacted:user-flag]" host`},
		{"docker user", "docker run -u 1000:1000 alpine; docker run -u app:app alpine", keep},
		{"git push -u", "git push -u origin HEAD:main; python -u x.py; sort -u file", keep},
		{"-u variable", "curl -u joe:$PASS host; curl -u $USER:$PASS host", keep},

		{"header bearer", "curl -H 'Authorization: Bearer " + random + "' host", "curl -H 'Authorization: Bearer [redacted:authorization-header]' host"},
		{"header basic", `{"Authorization": "Basic am9lOmh1bnRlcjI="}`, `{"Authorization": "Basic [redacted:authorization-header]"}`},
		{"header api key", "X-Api-Key: 9d8f7a6b5c4e3f2a", "X-Api-Key: [redacted:authorization-header]"},
		{"header variable", "-H \"Authorization: Bearer $TOKEN\" -H 'Authorization: Bearer <token>'", keep},
		{"bearer alone", "sent bearer " + random, "sent bearer [redacted:bearer-token]"},
		{"bearer prose", "Bearer authentication is required; bearer responsibilities vary", keep},

		{"flag", "mysql --password=" + pw + " db", "mysql --password=[redacted:secret-flag] db"},
		{"flag apart", "tool --token abcd1234efgh run", "tool --token [redacted:secret-flag] run"},
		{"flag without value", "tool --password --verbose; tool --token $TOKEN; tool --password-file x", keep},

		{"variable", "PGPASSWORD=correcthorse psql -h db", "PGPASSWORD=[redacted:secret-variable] psql -h db"},
		{"export", "export DB_PASSWORD='" + pw + "'", "export DB_PASSWORD='[redacted:secret-variable]'"},
		{"env token", "GITHUB_TOKEN=abcdef123456 make", "GITHUB_TOKEN=[redacted:secret-variable] make"},
		{"variable reference", "PASSWORD=$OTHER SECRET_KEY=${X} TOKEN=$(cat f) PWD=/root/x OLDPWD=/tmp SECRET_FILE=/run/s", keep},

		{"assignment", `password = "` + pw + `"`, `password = "[redacted:password-assignment]"`},
		{"assignment json", `{"user": "joe", "password": "` + pw + `"}`, `{"user": "joe", "password": "[redacted:password-assignment]"}`},
		{"assignment escaped", `{\"passwd\": \"` + pw + `\"}`, `{\"passwd\": \"[redacted:password-assignment]\"}`},
		{"assignment bare", "passwd=" + pw, "passwd=[redacted:password-assignment]"},
		{"assignment query", "POST /login?user=x&password=correcthorse", "POST /login?user=x&password=[redacted:password-assignment]"},
		{"assignment secret", `client_secret: 'aB3dE6gH9jK2'`, `client_secret: '[redacted:password-assignment]'`},
		{"assignment yaml", "db:\n  password: s3cr3t!pw\n", "db:\n  password: [redacted:password-assignment]\n"},
		{"code", "def login(self, password=None, secret: str = ''):\n  user.password = make_password(password)\n  x(password=password, secret=self.secret)\n  password: Optional[str]\n", keep},
		{"code types", "secret = getpass.getpass()\npassword == other_password\nif not password:\n    pass\n", keep},
		{"prose", "The password is wrong. Enter the secret: please. password: required", keep},
		{"placeholders", `password="password" passwd=**** secret="<secret>" password='xxxx' api_key="${KEY}"`, keep},

		{"variable with spaces", "export DB_PASS='" + spaced + "' && x", "export DB_PASS='[redacted:secret-assignment]' && x"},
		{"token with spaces", `export API_TOKEN="` + spaced + `"`, `export API_TOKEN="[redacted:secret-assignment]"`},
		{"token in code", "token = '" + short + "'", "token = '[redacted:secret-assignment]'"},
		{"client secret", "client_secret=" + short, "client_secret=[redacted:secret-assignment]"},
		{"pass", "user=joe pass=" + short, "user=joe pass=[redacted:secret-assignment]"},
		{"key with spaces", `secret_key: "` + spaced + `"`, `secret_key: "[redacted:secret-assignment]"`},
		{"passphrase of words", `{"passphrase": "correct horse battery"}`, `{"passphrase": "[redacted:secret-assignment]"}`},
		{"names in code", "token = lexer.next()\npassword=None\n    pass\nsecret_key: str\n--pass-through\ncookie: bool\ntoken = 'identifier'\ntoken=token12\npass=12 fail=3\nbypass=a1b2c3d4\ncompass = 'n45 e12 x'\ntokenizer = 'bert-base-uncased-v12'", keep},
		{"messages", `password: "Enter your password" token = "unexpected token 42 here" secret: "must be at least 8 characters"`, keep},

		{"mysql", "mysql -u root -p" + short + " db", "mysql -u root -p[redacted:program-flag] db"},
		{"mysqldump quoted", "mysqldump -uroot -p'" + spaced + "' db", "mysqldump -uroot -p'[redacted:program-flag]' db"},
		{"mysql without", "mysql -u root -p db; mysql -P3306 -p\ndocker run --name mysql -p3306:3306 img; mkdir -p mysql/x", keep},
		{"sshpass", "sshpass -p " + short + " ssh h", "sshpass -p [redacted:program-flag] ssh h"},
		{"sshpass variable", "sshpass -p $PW ssh h; sshpass -p \"$PW\" ssh -p 22 h", keep},
		{"redis", "redis-cli -h h -a " + short + " ping", "redis-cli -h h -a [redacted:program-flag] ping"},
		{"docker login", "docker login -u a -p " + short + " host", "docker login -u a -p [redacted:program-flag] host"},
		{"docker run", "docker run -p 80:80 login; docker login --password-stdin; az login -p $PW", keep},
		{"sudo", "echo " + short + " | sudo -S apt install x", "echo [redacted:piped-secret] | sudo -S apt install x"},
		{"stdin", "echo '" + spaced + "' | docker login -u a --password-stdin", "echo '[redacted:piped-secret]' | docker login -u a --password-stdin"},
		{"sudo here string", "sudo -S ls <<< " + short, "sudo -S ls <<< [redacted:piped-secret]"},
		{"query letters", "POST /t?client_secret=abcdefghijkl&x=y", "POST /t?client_secret=[redacted:secret-assignment]&x=y"},
		{"sudo without", "echo hello | sudo tee /etc/x; echo $PW | sudo -S ls", keep},
		{"netrc", "machine h login bob password correcthorse", "machine h login bob password [redacted:netrc-password]"},
		{"netrc part", "login bob password " + short, "login bob password [redacted:netrc-password]"},
		{"netrc prose", "the login form password field; login with password authentication", keep},

		{"cookie", "Cookie: theme=dark; sid=" + short + "\n", "Cookie: [redacted:cookie]\n"},
		{"cookie in curl", "curl -H 'Cookie: session=" + short + "' h", "curl -H 'Cookie: [redacted:cookie]' h"},
		{"cookie flag", "curl -b sid=" + short + " h; git checkout -b fix/x", "curl -b [redacted:cookie] h; git checkout -b fix/x"},
		{"set-cookie", "Set-Cookie: session=" + short + "; Path=/; HttpOnly", "Set-Cookie: session=[redacted:cookie]; Path=/; HttpOnly"},
		{"cookie without", "cookie: bool\nCookie: theme=dark; lang=en\nSet-Cookie: sid=; Path=/\nset-cookie: sid=deleted\ncookie: Cookie = Cookie()", keep},

		{"sk-ant", "k sk-" + "ant-api03-" + random[:22] + " x", "k [redacted:prefixed-key] x"},
		{"sk-proj", "sk-" + "proj-" + random[:24], "[redacted:prefixed-key]"},
		{"ghp short", "x ghp" + "_" + random[:24], "x [redacted:prefixed-key]"},
		{"sk names", "task-3f9a1c7e3f9a1c7e3f9a1c7e sk-fading-circle-and-more-dots sk-test-the-long-name-of-a-class ghp_xxxxxxxxxxxxxxxxxxxxxxxx", keep},

		{"colour after =", "password=\x1b[31m" + pw + "\x1b[0m ok", "password=\x1b[31m[redacted:password-assignment]\x1b[0m ok"},
		{"colour in a key", "k ghp" + "_\x1b[0m" + random + " x", "k [redacted:github-pat] x"},
		{"grep colours", "\x1b[01;31m\x1b[Kpassword\x1b[m\x1b[K: '" + pw + "'", "\x1b[01;31m\x1b[Kpassword\x1b[m\x1b[K: '[redacted:password-assignment]'"},
		{"colour before a key", "abc\x1b[1m" + ghToken + "\x1b[0m", "abc\x1b[1m[redacted:github-pat]\x1b[0m"},
		{"colour written out", `password=\u001b[31m` + pw + `\u001b[0m`, `password=\u001b[31m[redacted:password-assignment]\u001b[0m`},
		{"zero width", "PASS\u200bWORD=" + pw, "PASS\u200bWORD=[redacted:secret-variable]"},
		{"colours alone", "\x1b[32mPASSED\x1b[0m token\u200b = lexer.next() \x1b[", keep},

		{"key", "cat key\n" + pemKey + "\ndone", "cat key\n[redacted:private-key]\ndone"},
		{"key cut off", "-----BEGIN " + "PRIVATE KEY-----\n" + keyBody, "[redacted:private-key]"},
		{"key in json", strings.ReplaceAll("x "+pemKey+" y", "\n", `\n`), "x [redacted:private-key] y"},
		{"key in code", `if "-----BEGIN ` + `PRIVATE KEY-----" in text and "-----END ` + `PRIVATE KEY-----" in text:`, keep},
		{"public key", "-----BEGIN PUBLIC KEY-----\n" + keyBody + "-----END PUBLIC KEY-----", keep},

		{"github token", "token " + ghToken + " ok", "token [redacted:github-pat] ok"},
		{"aws id", "id " + awsID + " ok", "id [redacted:aws-access-token] ok"},
		{"aws secret", "aws_secret_access_key = " + random[:36] + "Ab3+", "aws_secret_access_key = [redacted:aws-secret-access-key]"},
		{"slack", slack, "[redacted:slack-bot-token]"},
		{"npm", npm, "[redacted:npm-access-token]"},
		{"npmrc", "//registry.example.org/:_authToken=4f3a9b8c-1d2e", "//registry.example.org/:_authToken=[redacted:npm-auth-token]"},
		{"npmrc variable", "//registry.example.org/:_authToken=${NPM_TOKEN}", keep},
		{"jwt", "got " + jwtLike + " ok", "got [redacted:jwt] ok"},

		{"commit", "commit " + hex40 + "\nsourcegraph " + hex40, keep},
		{"checksum", "sha256:" + strings.Repeat(hex40[:8], 8) + "  file.tar.gz", keep},
		{"uuid", "session 5f2c1f0e-7d59-4b53-9c0b-0d0f6f9b8a11 started", keep},
		{"python", "key = lambda item: item[0]\ntokens = tokenizer.tokenize(text)\nself.primary_key = models.AutoField()", keep},
		{"marker", "password=[redacted:password-assignment] https://a:[redacted:url-userinfo]@h", keep},
		{"marker with a tail", "passwd=[redacted:x]" + pw, "passwd=[redacted:password-assignment]"},
		{"empty", "", keep},
	}
	r := redactor(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == keep {
				want = tt.in
			}
			got, n := r.String(tt.in)
			if got != want {
				t.Errorf("String(%q)\n got %q\nwant %q", tt.in, got, want)
			}
			if (n > 0) != (got != tt.in) {
				t.Errorf("found %d in %q -> %q", n, tt.in, got)
			}
			if again, n := r.String(got); again != got || n != 0 {
				t.Errorf("again: %d, %q -> %q", n, got, again)
			}
		})
	}
}

// A secret far from the start, at window edges and next to filler must be
// found as on its own.
func TestStringAnywhere(t *testing.T) {
	r := redactor(t)
	for _, pad := range []int{0, 1, 255, 256, 257, 4095, 4096, 4097, 20000} {
		for _, fill := range []string{"x ", "key ", "\n"} {
			filler := strings.Repeat(fill, pad/len(fill)+1)
			in := filler + "t=" + ghToken + "\n" + filler + pemKey + "\n" + filler
			want := filler + "t=[redacted:github-pat]\n" + filler + "[redacted:private-key]\n" + filler
			if got, _ := r.String(in); got != want {
				t.Errorf("pad %d of %q: secrets left or text lost (%d bytes, want %d)", pad, fill, len(got), len(want))
			}
		}
	}
	long := jwtLike + strings.Repeat(random, 400)
	if got, _ := r.String("x " + long + " y"); got != "x [redacted:jwt] y" {
		t.Errorf("long token: got %d bytes", len(got))
	}
}

// Rules compile on first use, from several goroutines at once.
func TestConcurrent(t *testing.T) {
	r := redactor(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got, n := r.String("t=" + ghToken + " passwd=" + pw); n != 2 || strings.Contains(got, pw) {
				t.Errorf("%d found: %q", n, got)
			}
		})
	}
	wg.Wait()
}
