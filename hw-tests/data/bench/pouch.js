// Holds facts in PouchDB and brings them to pouchdb-server: `load FILE` fills the folder `edge`, `push URL` sends it.
const PouchDB = require('pouchdb')
const fs = require('node:fs')
const [work, of] = process.argv.slice(2)
const edge = new PouchDB('edge', { revs_limit: 1 })
const load = async () => {
  const lines = fs.readFileSync(of, 'utf8').trim().split('\n')
  const doc = (line, nth) => ({ _id: String(nth).padStart(8, '0'), ...JSON.parse(line) })
  const docs = lines.map(doc)
  for (let from = 0; from < docs.length; from += 1000) await edge.bulkDocs(docs.slice(from, from + 1000))
  console.log(`ready ${(await edge.info()).doc_count}`)
}
const push = async () => {
  const began = process.hrtime.bigint()
  const done = await edge.replicate.to(new PouchDB(of), { batch_size: 1000, batches_limit: 10 })
  if (!done.ok) throw new Error(JSON.stringify(done.errors))
  console.log(`ready ${done.docs_written} ${Number(process.hrtime.bigint() - began) / 1e9}`)
}
;(work === 'load' ? load() : push()).catch((error) => { console.error(error); process.exit(1) })
