package signature

import (
	"fmt"
	"os"
	"sort"
	"testing"
)

func TestZZ(t *testing.T) {
	la := 4096
	fmt.Sscan(os.Getenv("LA"), &la)
	logs := generated(tunedSystems, os.Getenv("HEAD") != "")
	logs = append(logs, extra()...)
	for _, c := range logs {
		if n := os.Getenv("SYS"); n != "" && n != c.name {
			continue
		}
		o := NewOnline(0)
		var ids []string
		tm := map[string]string{}
		each := func(id, tt string) { ids = append(ids, id); tm[id] = tt }
		for _, l := range c.lines {
			if o.Add([]byte(l.line)); o.Pending() > la {
				o.Flush(each)
			}
		}
		o.Flush(each)
		fmt.Println("=====", c.name, measure(c.lines, ids))
		byL, byI := map[string]map[string]int{}, map[string]map[string]int{}
		for i, l := range c.lines {
			if byL[l.label] == nil {
				byL[l.label] = map[string]int{}
			}
			byL[l.label][ids[i]]++
			if byI[ids[i]] == nil {
				byI[ids[i]] = map[string]int{}
			}
			byI[ids[i]][l.label]++
		}
		var ks []string
		for k := range byL {
			ks = append(ks, k)
		}
		sort.Strings(ks)
		for _, k := range ks {
			if len(byL[k]) > 1 {
				fmt.Println("SPLIT", k)
				j := 0
				for id, n := range byL[k] {
					if j++; j > 6 {
						fmt.Println("      ... of", len(byL[k]))
						break
					}
					fmt.Println("     ", n, tm[id])
				}
			}
		}
		ks = nil
		for k := range byI {
			ks = append(ks, k)
		}
		sort.Strings(ks)
		for _, k := range ks {
			if len(byI[k]) > 1 {
				fmt.Println("MERGE", tm[k])
				for l, n := range byI[k] {
					fmt.Println("     ", n, l)
				}
			}
		}
	}
}
func extra() []corpus { return nil }
