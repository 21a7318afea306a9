;; What the drivers of eglot and lsp-mode share: they open LATHE_TEST_FILE, act
;; as a person would, and print what they saw as JSON behind "saw ".
(require 'cl-lib)
(require 'json)

(defvar saw nil)

(defun note (key value) (setq saw (append saw (list (cons key value)))))

(defun finish ()
  (message "\nsaw %s" (json-encode saw))
  (kill-emacs 0))

(defun wait-for (what ok)
  (let ((end (+ (float-time) 60)) got)
    (while (and (not (setq got (funcall ok))) (< (float-time) end))
      (accept-process-output nil 0.05))
    (unless got
      (note 'errors (vector (concat "waited in vain for " what)))
      (finish))
    got))

(defun on-disk ()
  (with-temp-buffer (insert-file-contents (getenv "LATHE_TEST_FILE")) (buffer-string)))

;; LIST gives the titles at point, TAKE takes the action with a title. Approved,
;; a plan changes on disk; of a tool (LATHE_TEST_TOOL) the diagnostic goes.
(defun decide (list take)
  (let ((before (on-disk))
        (starting (lambda (start) (cl-find-if (lambda (title) (string-prefix-p start title)) (funcall list)))))
    (note 'locked (vconcat (funcall list)))
    (funcall take (funcall starting "Lathe: Unlock"))
    (let ((approve (wait-for "the action to approve" (lambda () (funcall starting "Lathe: approve")))))
      (note 'unlocked (vconcat (funcall list)))
      (funcall take approve))
    (if (getenv "LATHE_TEST_TOOL")
        (wait-for "the proposal to go" (lambda () (not (proposed))))
      (wait-for "the file on disk to change" (lambda () (not (equal before (on-disk))))))
    (finish)))
