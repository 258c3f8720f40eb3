# The picture of docs/command-line.md: the demo's run, recorded more often.
#   build/release/apps/lodestone/lodestone train --teacher random:d=20,k=4,r=4,seed=0 \
#     --record-every 25 --out runs/timeline && gnuplot experiments/timeline.gp
set terminal svg size 860,420 font "sans-serif,13" background "white"
set output "docs/images/timeline.svg"
set datafile separator ","
set logscale y
set format y "10^{%T}"
set xlabel "gradient step"
set key top right Left reverse samplen 2
set grid back lc rgb "#dddddd"
set title "How features are learned: the demo's four hidden directions"
set ylabel "loss, weight decay λ, mean angle in degrees"
set yrange [1e-9:100]
set xrange [0:*]
run = "runs/timeline/history.csv"
plot run skip 1 using 1:9 with lines lw 3 lc rgb "#0072b2" title "mean angle to the nearest hidden direction (°)", \
     run skip 1 using 1:4 with steps lw 2 dt 2 lc rgb "#666666" title "weight decay λ", \
     run skip 1 using 1:5 with lines lw 3 lc rgb "#d55e00" title "loss"
