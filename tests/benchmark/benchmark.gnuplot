# Draws the picture of the README out of the benchmark's CSV: what each contender costs, as a multiple of the floor.
# gnuplot -e "csv='benchmark.csv'; svg='benchmark.svg'" benchmark.gnuplot
set terminal svg size 860,420 font 'sans-serif,13' background 'white'
set output svg
set datafile separator ','
set title "ns an item, over the floor (hashing every index once); ready-made types"
set style data histograms
set style histogram clustered gap 1.5
set style fill solid 0.9 noborder
set boxwidth 0.9
set yrange [0:*]
set ylabel 'times the floor'
set grid ytics lc rgb '#dddddd'
set border 3
set tics nomirror
set key top left reverse Left
set arrow from graph 0, first 1 to graph 1, first 1 nohead lc rgb '#444444' dt 2 front
set label 'floor' at graph 0.995, first 1 right offset 0,0.5 tc rgb '#444444'
contender(name) = sprintf("< grep '^ready-made,' %s | grep ',%s,'", csv, name)
plot contender('find_duplicates') using 5:xtic(2) lc rgb '#0b6e4f' title 'dcp::find\_duplicates', \
     contender('absl::flat_hash_set') using 5 lc rgb '#c9a227' title 'absl::flat\_hash\_set', \
     contender('std::unordered_set') using 5 lc rgb '#b0b7c3' title 'std::unordered\_set', \
     contender('limit') using 5 lc rgb '#444444' title 'the limit of the work'
