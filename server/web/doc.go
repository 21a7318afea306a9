// Package web is the review page: what was proposed, with its evidence, and
// the person's word on it, in a browser on the same machine.
//
// New makes one http.Handler from small interfaces that package server fills:
// the queue, the reviewer's key (Unlocker), the events that conclusions name,
// the KPIs, the editor connections, the knowledge graph. Pages are html/template
// with one stylesheet and one script, all embedded; nothing is fetched from
// elsewhere, and every page works without the script.
//
// What it promises:
//
//   - Nothing of the project is shown, and nothing decided, without a session.
//     A session begins with the reviewer's passphrase, holds the unlocked key in
//     memory only, and ends after 30 minutes without a request, after twelve
//     hours, or by the button. Wrong passphrases cost a growing delay, whoever
//     asks.
//   - A decision is signed over the content hash that stood on the page that the
//     person saw, with a form that counts once.
//   - Requests with a Host that is not this machine, and writes whose Origin is
//     another, are refused; so are writes without the session's form token. The
//     content security policy allows no inline script or style and no framing.
//   - What tools printed is hostile: it is escaped, cut, stripped of its power to
//     reorder or hide text (control and formatting characters are shown as their
//     code points), and never becomes a link.
package web
