# Median, lowest and highest of each row, and its ratio to msfetch of the same case and RTT.
# Input: case, rtt, peer, run, wall, cpu, rss KiB, flights, bytes down, files, status; sorted by wall within a row.
BEGIN {
	print "| case | RTT ms | program | wall s (range) | x msfetch | CPU s | peak MiB | round trips | files |"
	print "|---|---|---|---|---|---|---|---|---|"
}
{
	key = $1 "\t" $2 "\t" $3
	if (!(key in n)) { order[++rows] = key }
	i = ++n[key]
	wall[key, i] = $5
	cpu[key] += $6
	if ($7 > rss[key]) rss[key] = $7
	flights[key] = $8
	files[key] = $10
	if ($11 != 0) bad[key] = 1
}
function median(key) { return wall[key, int((n[key] + 1) / 2)] }
END {
	for (r = 1; r <= rows; r++) {
		key = order[r]
		split(key, f, "\t")
		base = f[1] "\t" f[2] "\tmsfetch"
		ratio = (base in n && median(base) > 0) ? sprintf("%.2f", median(key) / median(base)) : "-"
		printf "| %s | %s | %s%s | %.2f (%.2f-%.2f) | %s | %.2f | %.0f | %d | %d |\n", f[1], f[2], f[3], (bad[key] ? " (failed)" : ""),
			median(key), wall[key, 1], wall[key, n[key]], ratio, cpu[key] / n[key], rss[key] / 1024, flights[key], files[key]
	}
}
