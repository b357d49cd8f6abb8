// Runs the public conformance suite against the hub whose address is in HUB_URL.
import { readFileSync } from "node:fs"
import { beforeEach } from "vitest"
import { runConformanceTests } from "@durable-streams/server-conformance-tests"

const skipped = new Set(readFileSync(new URL("skipped.txt", import.meta.url), "utf8").split("\n"))

function nameOf(task) {
  const own = task.suite?.name ? [...nameOf(task.suite)] : []
  return [...own, task.name].filter((name) => name !== "")
}

beforeEach((context) => {
  if (skipped.has(nameOf(context.task).join(" "))) context.skip()
})

runConformanceTests({ baseUrl: process.env.HUB_URL, longPollTimeoutMs: Number(process.env.HUB_LONG_POLL_MS) })
