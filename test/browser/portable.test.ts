// The portable core in a browser: the same module in Node and in headless Chromium, with the same results.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { root } from '../support/paths.js'
import { type FirewallRun, runFirewall } from './firewall-run.js'

const FLAGS = [
  '--headless',
  '--remote-debugging-port=0',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // The page comes from this machine and nothing comes from elsewhere.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
]
const TYPES: Record<string, string> = { '.js': 'text/javascript', '.html': 'text/html' }
const WAIT_MS = 120_000

const browser = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version'], { stdio: 'ignore', timeout: 20_000 }).status === 0,
)
const skip = browser === undefined && 'no Chromium is installed'

const PAGE = `<!doctype html><meta charset="utf-8"><title>Skep</title>
<script type="importmap">{"imports":{"#src/":"/dist/","@noble/hashes/":"/node_modules/@noble/hashes/"}}</script>
<script type="module">
const answer = (path, body) => fetch(path, { method: 'POST', body: JSON.stringify(body) })
try {
  const { runFirewall } = await import('/build/test/browser/firewall-run.js')
  const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer())
  const object = await bytes('/examples/firewall/firewall.o')
  const capture = await bytes('/examples/firewall/traffic.pcap')
  await answer('/result', {
    host: navigator.userAgent,
    node: typeof process,
    interpreter: await runFirewall(object, capture, 'interpreter'),
    jit: await runFirewall(object, capture, 'jit'),
  })
} catch (error) {
  await answer('/result', { error: String(error?.stack ?? error) })
}
</script>`

interface Answer {
  readonly error?: string
  readonly host: string
  readonly node: string
  readonly interpreter: FirewallRun
  readonly jit: FirewallRun
}

const missing: string[] = []

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** Serves the page and the repository's files; calls back with what the page found out. */
function serve(answered: (answer: Answer) => void): Server {
  return createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname))
    if (request.method === 'POST') {
      answered(JSON.parse(await bodyOf(request)) as Answer)
      response.end()
      return
    }
    const file = join(root, path)
    if (path === '/') response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE)
    else if (/^\/(dist|build|examples|node_modules\/@noble)\//.test(path) && existsSync(file)) {
      response
        .writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' })
        .end(readFileSync(file))
    } else {
      if (path !== '/favicon.ico') missing.push(path)
      response.writeHead(404).end()
    }
  })
}

/** Starts a browser of its own, has it open the page, and ends it with all its processes when the page has answered. */
async function askBrowser(command: string): Promise<Answer> {
  const profile = mkdtempSync(join(tmpdir(), 'skep-browser-'))
  let tell: (answer: Answer) => void = () => {}
  const server = serve((answer) => tell(answer))
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const { port } = server.address() as AddressInfo
  const child = spawn(command, [...FLAGS, `--user-data-dir=${profile}`, `http://127.0.0.1:${port}/`], {
    stdio: 'ignore',
    detached: true,
  })
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    return await new Promise<Answer>((resolve, reject) => {
      tell = resolve
      child.on('error', reject)
      child.on('exit', (code) => reject(new Error(`${command} ended with ${code} before the page answered`)))
      timer = setTimeout(() => reject(new Error('the page did not answer')), WAIT_MS)
    })
  } finally {
    clearTimeout(timer)
    // The browser leads a process group of its own.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    server.closeAllConnections()
    server.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

const answer = browser === undefined ? undefined : await askBrowser(browser)

const file = (name: string): Uint8Array => new Uint8Array(readFileSync(join(root, 'examples/firewall', name)))
const inNode = (engine: 'interpreter' | 'jit') => runFirewall(file('firewall.o'), file('traffic.pcap'), engine)

test('the firewall in Node: interpreter and compiler agree', async () => {
  const interpreted = await inNode('interpreter')
  assert.deepEqual(await inNode('jit'), interpreted)
  const total = Object.values(interpreted.verdicts).reduce((sum, count) => sum + count, 0)
  assert.equal(total, 500)
  assert.equal(interpreted.printk.length, 5)
  assert.ok((interpreted.maps['flows']?.length ?? 0) > 10)
})

test('the page found its modules and is no Node', { skip }, () => {
  assert.equal(answer?.error, undefined)
  assert.deepEqual(missing, [])
  assert.match(answer?.host ?? '', /Chrom/)
  assert.equal(answer?.node, 'undefined')
})

for (const engine of ['interpreter', 'jit'] as const) {
  test(`the firewall in a browser as in Node: ${engine}`, { skip }, async () => {
    assert.equal(answer?.error, undefined)
    assert.deepEqual(answer?.[engine], await inNode(engine))
  })
}
