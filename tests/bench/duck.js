// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Tocsin authors
// DuckDB by way of node: a line of SQL on standard input is carried out, a line of JSON answers with the CPU and the wall
// seconds it took, the number of rows and the first of them. require() finds the package in NODE_PATH, too.
const { DuckDBInstance } = require("@duckdb/node-api");
const readline = require("node:readline");

async function main() {
	const connection = await (await DuckDBInstance.create(":memory:")).connect();

	for await (const sql of readline.createInterface({ input: process.stdin })) {
		const before = process.cpuUsage(), began = process.hrtime.bigint();
		const rows = (await connection.runAndReadAll(sql)).getRows();
		const used = process.cpuUsage(before), wall = Number(process.hrtime.bigint() - began) / 1e9;
		const first = rows.length > 0 ? rows[0].map(String) : [];

		console.log(JSON.stringify({ cpu: (used.user + used.system) / 1e6, wall, rows: rows.length, first }));
	}
}

main().catch((e) => { console.error(String(e)); process.exit(1); });
