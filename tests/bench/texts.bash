# shellcheck shell=bash
# texts: how fast lbchunk cuts long texts and puts them together again. Sourced by run.
# shellcheck disable=SC2154 # work and BIN are run's

texts()
{
	local i
	yes 'A sentence of ten words or so, as texts have them.' | tr '\n' ' ' | head -c 10000000 |
		jq -Rsc '{id: 1, text: .}' >"$work/book"
	"$BIN/lbchunk" --split .text --size 500 --overlap 50 <"$work/book" >"$work/pieces" || die "lbchunk --split failed"
	for ((i = 0; i < PAIRS; i++)); do
		measure split -i "$work/book" -o /dev/null \
			"$BIN/lbchunk" --split .text --size 500 --overlap 50
		measure join -i "$work/pieces" -o /dev/null "$BIN/lbchunk" --join .text
	done
	row "lbchunk --split, a text of 10 MB, 500 tokens with overlap" \
		"$(median '10 / $1' split)" %.0f '>=' 10 " MB/s"
	row "lbchunk --join of its pieces" "$(median '10 / $1' join)" %.0f '>=' 10 " MB/s"
}
