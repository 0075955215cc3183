# What zsh makes of "triage LINE<tab>" on a terminal, a line each. usage: zsh -f complete.zsh FOLDER_OF_COMPLETIONS LINE...
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; triage() { print -r -- \"said \$*.\" }; PS1="
shift
for typed; do
  zpty -w -n shell "triage $typed"$'\t\n'
  zpty -r shell answer "*said *."$'\r\n'
  print -r -- "${${answer##*said }%.*}"
done
