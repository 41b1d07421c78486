# The README's second command, from the built program on, and the progress bar that a person sees in a terminal.
source "$(dirname "$0")/lib.sh"
run 0 bash "$root/scripts/quickstart" "$(dirname "$MLP")"
for text in 'test.auc' 'listening on' '"predictions"' 'mlp_inference_rows_total' 'a served prediction'; do says out "$text"; done

spec=$root/examples/telco-churn-linear/telco-churn-linear.mlp
unset NO_COLOR
run 0 script -qec "'$MLP' train '$root/examples/bike-sharing/bike-sharing.mlp'" terminal
tr '\r' '\n' <terminal >lines
says lines 'reading'; says lines 'fitting'
says lines '[..............................] 1/150'
says lines '[##############################] 150/150'
equal "$(grep -c '] [0-9]*/150  poisson_deviance [0-9]' lines)" 150 "rounds shown, each with its metric"
run 0 "$MLP" train "$spec"
if grep -q "$(printf '\033')" out err; then fail "escape codes in a file"; else pass; fi
finish
