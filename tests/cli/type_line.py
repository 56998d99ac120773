"""type_line: what an interactive shell makes of a line that is typed and completed.

    type_line.py bash|zsh SHARE LINE

Types LINE into the shell, on a terminal, with all completions that there are for its end (Meta-*), and
prints the words that come of it, one a line. SHARE is the directory that the completions are installed
in, as in $PREFIX/share. The shell runs in the current directory.
"""

import os
import pty
import sys
import tempfile

BASH = """
PS1='ready> '
set +o history
export XDG_DATA_DIRS=%s:/usr/local/share:/usr/share
. /usr/share/bash-completion/bash_completion
"""
# Meta-* is made here of two parts of zsh's own: the completer that takes all matches, and a key for it.
ZSH = """
PS1='ready> '
unsetopt prompt_sp
fpath=(%s/zsh/site-functions $fpath)
autoload -Uz compinit
compinit -D -u
zle -C all-matches complete-word _generic
zstyle ':completion:all-matches::::' completer _all_matches _complete
zstyle ':completion:all-matches:*' insert true
bindkey -e
bindkey '\\e*' all-matches
"""


def read_until(terminal, text):
    """What the shell shows, until this text of it or its end."""
    seen = b""
    while text is None or text not in seen:
        try:
            more = os.read(terminal, 4096)
        except OSError:  # as Linux has it, when the last process has left the terminal
            more = b""
        if not more:
            break
        seen += more
    return seen


def main():
    shell, share, line = sys.argv[1:]
    with tempfile.TemporaryDirectory() as home:
        commands = {"bash": ["bash", "--rcfile", home + "/rc", "-i"], "zsh": ["zsh", "-di"]}
        with open(home + {"bash": "/rc", "zsh": "/.zshrc"}[shell], "w", encoding="utf-8") as rc:
            rc.write({"bash": BASH, "zsh": ZSH}[shell] % share)
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(HOME=home, ZDOTDIR=home, TERM="dumb")
            os.execvp(shell, commands[shell])
        shown = read_until(terminal, b"ready> ")
        # From the start of the line on it becomes the arguments of printf.
        os.write(terminal, f"{line}\033*\001printf '%s\\n' \005 >{home}/words\rexit\r".encode())
        shown += read_until(terminal, None)
        os.waitpid(pid, 0)
        if not os.path.exists(home + "/words"):
            sys.exit(f"type_line: {shell} showed: {shown.decode(errors='replace')}")
        with open(home + "/words", encoding="utf-8") as words:
            sys.stdout.write(words.read())


main()
