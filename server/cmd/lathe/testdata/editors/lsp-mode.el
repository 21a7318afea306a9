;; Drives lsp-mode with what `lathe connect emacs` wrote.
(package-initialize)
(load (expand-file-name "common.el" (file-name-directory load-file-name)))
(load (expand-file-name "~/.emacs.d/init.el"))
(require 'lsp-mode)
(setq lsp-session-file (expand-file-name "~/lsp-session") lsp-auto-guess-root t
      lsp-enable-file-watchers nil lsp-enable-suggest-server-download nil)
(find-file (getenv "LATHE_TEST_FILE"))
(lsp-workspace-folders-add (getenv "LATHE_TEST_ROOT"))
(lsp)
(wait-for "a connection" (lambda () (cl-find 'initialized (lsp-workspaces) :key #'lsp--workspace-status)))
(let ((first (wait-for "a diagnostic"
                       (lambda ()
                         (cl-find-if (lambda (d) (equal (lsp:diagnostic-source? d) "lathe"))
                                     (append (gethash (lsp--fix-path-casing (buffer-file-name)) (lsp-diagnostics)) nil))))))
  (goto-char (lsp--position-to-point (lsp:range-start (lsp:diagnostic-range first))))
  (note 'line (1- (line-number-at-pos)))
  (note 'message (lsp:diagnostic-message first)))
(note 'hover (lsp:markup-content-value (lsp:hover-contents (lsp-request "textDocument/hover" (lsp--text-document-position-params)))))
(decide (lambda () (mapcar #'lsp:code-action-title (append (lsp-code-actions-at-point) nil)))
        (lambda (title)
          (lsp-execute-code-action
           (cl-find title (append (lsp-code-actions-at-point) nil) :key #'lsp:code-action-title :test #'equal))))
