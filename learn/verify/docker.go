package verify

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	// "#6 ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2"
	buildkitStep = lazyregexp.New(`^ > \[(.+?)\]? (\S.*?):?$`)
	buildkitBad  = lazyregexp.New(`^(?:ERROR: )?(?:failed to build: )?failed to solve(?:: | with )|^executor failed running |^#\d+ ERROR: |^failed to compute cache key: `)
	buildkitGood = lazyregexp.New(`^#\d+ (?:writing image|naming to|exporting manifest list|pushing manifest)\b.* done$`)
	classicBad   = lazyregexp.New(`^The command '(.*)' returned a non-zero code: \d+$`)
	classicOther = lazyregexp.New(`^(?:COPY|ADD) failed: |^Error response from daemon: dockerfile parse error`)
	buildahBad   = lazyregexp.New(`^Error: (?:error )?building at STEP "(.*?)":`)
)

// runsDockerBuild takes docker build, docker buildx build, docker image build,
// and podman's and buildah's.
func runsDockerBuild(inv *invocation) bool {
	switch inv.program {
	case "docker", "podman", "buildah", "nerdctl":
	default:
		return false
	}
	args := dropFlagValue(inv.args, "-H", "--host", "-c", "--context", "--config", "-l", "--log-level")
	if len(args) > 1 && (args[0] == "buildx" || args[0] == "image" || args[0] == "builder") {
		args = args[1:]
	}
	return len(args) > 0 && oneOf("build", "bud", "bake")(args[0])
}

// readDockerBuild reads the classic builder, BuildKit and buildah. No daemon or
// no Dockerfile is no verdict.
func readDockerBuild(out *output, inv *invocation) []learn.Verification {
	v := learn.Verification{Kind: learn.VerifyBuild, Tool: "docker build"}
	var steps names
	good, bad := false, false
	for _, line := range out.lines {
		if dockerUnusable(line) {
			return nil
		}
		if m := classicBad.FindStringSubmatch(line); m != nil {
			bad = true
			steps.add(m[1])
		} else if m := buildahBad.FindStringSubmatch(line); m != nil {
			bad = true
			steps.add(m[1])
		} else if m := buildkitStep.FindStringSubmatch(line); m != nil {
			steps.add(m[2])
		}
		bad = bad || buildkitBad.MatchString(line) || classicOther.MatchString(line)
		good = good || buildkitGood.MatchString(line) || strings.HasPrefix(line, "Successfully built ") || strings.HasPrefix(line, "Successfully tagged ")
	}
	switch {
	case bad:
		v.Errors, v.FailingNames = 1, steps.list
	case good && !(inv != nil && inv.exitKnown && inv.exit != 0), inv != nil && inv.exitKnown && inv.exit == 0 && !asksOnly(inv.args):
		v.OK = true
	default:
		return nil
	}
	return []learn.Verification{v}
}

func dockerUnusable(line string) bool {
	for _, s := range []string{
		"Cannot connect to the Docker daemon", "failed to connect to the docker API", "failed to read dockerfile", "unable to prepare context",
		"BuildKit is enabled but the buildx component", "failed to resolve source metadata", "pull access denied", "failed to do request",
	} {
		if strings.Contains(line, s) {
			return true
		}
	}
	return false
}
