# The tables of raw.tsv: row, RTT, program, round, wall, cpu, rss KiB, round
# trips, bytes from the server, files, status, syncs.
#
# Medians with lowest and highest; ratios are made within each round, then the
# median is taken.  The second table holds the rows to the targets.
BEGIN { FS = "\t" }
{
	if (!($1 in rtt)) order[++rows] = $1
	rtt[$1] = $2
	key = $1 SUBSEP $3
	if (!(key in n)) programs[$1] = programs[$1] (programs[$1] == "" ? "" : " ") $3
	i = ++n[key]
	at[$1, $3, $4] = i
	if ($4 > rounds[$1]) rounds[$1] = $4
	v["wall", key, i] = $5
	v["cpu", key, i] = $6
	v["rss", key, i] = $7 / 1024
	v["trips", key, i] = $8
	v["down", key, i] = $9 / 1000
	v["files", key, i] = $10
	if ($11 != 0) bad[key]++
	if ($12 != "-") syncs[key] = $12
}
function sorted(k,    i, j, t) { # s[1 … k]
	for (i = 2; i <= k; i++)
		for (j = i; j > 1 && s[j - 1] > s[j]; j--) { t = s[j]; s[j] = s[j - 1]; s[j - 1] = t }
	low = s[1]
	high = s[k]
	return k == 0 ? "" : k % 2 ? s[(k + 1) / 2] : (s[k / 2] + s[k / 2 + 1]) / 2
}
function median(what, row, program,    i, k) {
	for (i = 1; i <= n[row, program]; i++) s[++k] = v[what, row, program, i]
	return sorted(k)
}
# Of what for a by b, round by round; b may be "x|y": the larger of the two.
function ratio(what, row, a, b,    i, k, p, d, o, parts) {
	p = split(b, parts, "|")
	for (i = 1; i <= rounds[row]; i++) {
		d = 0
		for (o = 1; o <= p; o++)
			if (((row, parts[o], i) in at) && v[what, row, parts[o], at[row, parts[o], i]] > d)
				d = v[what, row, parts[o], at[row, parts[o], i]]
		if (d > 0 && ((row, a, i) in at)) s[++k] = v[what, row, a, at[row, a, i]] / d
	}
	return sorted(k)
}
# Time a message in row a, of that in row b.
function growth(a, b,    i, k) {
	for (i = 1; i <= n[a, "msfetch"] && i <= n[b, "msfetch"]; i++)
		if (v["files", a, "msfetch", i] > 0 && v["files", b, "msfetch", i] > 0) s[++k] = v["wall", a, "msfetch", i] / v["files", a, "msfetch", i] / (v["wall", b, "msfetch", i] / v["files", b, "msfetch", i])
	return sorted(k)
}
function number(x) { return x == "" ? "-" : sprintf(x < 0.095 ? "%.3f" : x < 9.95 ? "%.2f" : "%.1f", x) }
# One line of the second table; plus is added to what was measured.  The limits are for the full mailboxes.
function limit(plus, text, row, got, most, least,    met) {
	if (got == "") return
	got += plus
	low += plus
	high += plus
	met = (least ? got >= most : got <= most) ? "yes" : row ~ /^quick/ && text ~ /^(wall|CPU|the same)/ ? "not at this size" : "**no**"
	printf("| %s | %s | %s (%s–%s) | %s %s | %s |\n", text, row, number(got), number(low), number(high), (least ? "≥" : "≤"), number(most), met)
}
function line(row, program,    key, w, r, base) {
	key = row SUBSEP program
	base = ("msfetch" in have) && program != "msfetch" ? number(ratio("wall", row, program, "msfetch")) : "-"
	w = median("wall", row, program)
	printf "| %s | %s | %d | %s (%s–%s) | %s ", program (bad[key] ? " (failed " bad[key] "x)" : ""), rtt[row], n[key], number(w), number(low), number(high), base
	w = median("cpu", row, program)
	printf "| %s | %.0f | ", number(w), median("rss", row, program)
	w = median("trips", row, program)
	printf("%s | %s | %d | %s |\n", (w > 0 ? w : "-"), (w > 0 ? sprintf("%.1f", median("down", row, program)) : "-"), median("files", row, program), (syncs[key] == "" ? "-" : syncs[key]))
}
function targets(    i, k, r, q) {
	print "\n| target | row | measured (range) | limit | met |\n|---|---|---|---|---|"
	split("a-0 a-100 quick-a", q, " ")
	for (i = 1; i in q; i++) {
		r = q[i]
		limit(0, "wall, of mbsync's", r, ratio("wall", r, "msfetch", "mbsync"), r == "a-100" ? 1 / 5 : 1 / 6)
		limit(0, "wall, of mbsync's with `FSync no`", r, ratio("wall", r, "msfetch", "mbsync_nofsync"), r == "a-100" ? 0.8 : 0.9)
		limit(0, "the same, two connections (`-j 2`)", r, ratio("wall", r, "msfetch_j2", "mbsync_nofsync"), r == "a-100" ? 0.8 : 0.9)
		limit(0, "wall, of the larger limit (TLS, durable writing)", r, ratio("wall", r, "msfetch", "tls|write_group"), 1.25)
		limit(0, "the same, two connections (`-j 2`)", r, ratio("wall", r, "msfetch_j2", "tls|write_group"), 1.25)
		limit(0, "CPU, of s_client's", r, ratio("cpu", r, "msfetch", "s_client"), 1.6)
		limit(0, "peak memory, MiB", r, median("rss", r, "msfetch"), 40)
	}
	split("b-100 quick-b", q, " ")
	for (i = 1; i in q; i++) {
		r = q[i]
		limit(0, "wall, of mbsync's", r, ratio("wall", r, "msfetch", "mbsync"), 0.3)
		limit(0, "wall, of mbsync's with `FSync no`", r, ratio("wall", r, "msfetch", "mbsync_nofsync"), 0.7)
		limit(0, "round trips, TCP and TLS included, LOGOUT not counted", r, median("trips", r, "msfetch"), 7)
	}
	limit(0, "wall, of bare TLS", "c-0", ratio("wall", "c-0", "msfetch", "tls"), 1.15)
	limit(0, "peak memory, MiB", "c-0", median("rss", "c-0", "msfetch"), 40)
	split("d-0 d-100 quick-d quick-d0", q, " ")
	for (i = 1; i in q; i++) {
		r = q[i] "-none"
		if (q[i] ~ /100|quick-d$/) {
			limit(-1, "round trips after TCP connect, LOGOUT not counted", r, median("trips", r, "msfetch"), 5)
			limit(0, "kB from the server, TLS handshake included", r, median("down", r, "msfetch"), 4)
		}
		limit(0, "wall, of mbsync's", r, ratio("wall", r, "msfetch", "mbsync"), q[i] ~ /100|quick-d$/ ? 0.5 : 0.2)
		limit(0, "CPU, of a TLS login with s_client", r, ratio("cpu", r, "msfetch", "s_login"), 2)
		limit(0, "peak memory, MiB", r, median("rss", r, "msfetch"), 40)
		r = q[i] "-ten"
		if (q[i] ~ /100|quick-d$/)
			limit(-1, "round trips after TCP connect, LOGOUT not counted", r, median("trips", r, "msfetch"), 6)
		limit(0, "wall, of mbsync's", r, ratio("wall", r, "msfetch", "mbsync"), q[i] ~ /100|quick-d$/ ? 0.5 : 0.2)
	}
	limit(0, "one connection, in times of `-j 8`", "e", ratio("wall", "e", "msfetch", "msfetch_j8"), 7, 1)
	split("grow-5 grow-80", q, " ")
	for (i = 1; i in q; i++)
		limit(0, "time a message, of that with 20,000", q[i], growth(q[i], "grow-20"), 1.1)
}
END {
	for (i = 1; i <= rows; i++) {
		row = order[i]
		delete have
		k = split(programs[row], p, " ")
		for (j = 1; j <= k; j++) have[p[j]]
		printf("%s### %s\n\n| program | RTT ms | rounds | wall s (range) | x msfetch | CPU s | peak MiB | round trips | kB down | files | syncs |\n|---|---|---|---|---|---|---|---|---|---|---|\n", (i > 1 ? "\n" : ""), row)
		for (j = 1; j <= k; j++) line(row, p[j])
	}
	targets()
}
