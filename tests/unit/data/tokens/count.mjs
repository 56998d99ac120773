// Count the texts beside this file with o200k_base and print what belongs in "counts".
//
//     npm install gpt-tokenizer && node count.mjs > counts
import { readdirSync, readFileSync } from "node:fs";
import { encode } from "gpt-tokenizer/encoding/o200k_base";

const here = new URL(".", import.meta.url);
for (const name of readdirSync(here).filter((name) => name.endsWith(".txt")).sort()) {
	const text = readFileSync(new URL(name, here), "utf8");
	console.log(name.slice(0, -4), encode(text).length);
}
