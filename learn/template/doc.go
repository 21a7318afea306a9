// Package template generalises concrete calls into one template with typed
// parameters, and back.
//
// It is anti-unification (Plotkin, A Note on Inductive Generalization, 1970)
// restricted to sequences: two texts are split into tokens and aligned by a
// weighted longest common subsequence; what agrees stays, each stretch that
// differs becomes a parameter, and stretches that always have equal values are
// one parameter. JSON values are generalised the same way along their
// structure.
//
//	"pip install six", "pip install attrs"  →  "pip install {string}"
//	Match("pip install tox")                →  {string: tox}
//	Fill({string: nose})                    →  "pip install nose"
//
// Templates are values: Add returns a new one. The promises, tested as
// properties: every instance matches the generalisation of which it is a part;
// Fill(Match(x)) is x; merging an instance twice changes nothing. With
// FromBound and AddBound a token that equals a capture of an error pattern
// becomes a parameter of the capture's name even when it never varies.
//
// What fills a parameter is taken literally. Whoever makes a command from
// captured text decides whether that text may be trusted (see Quote).
package template
