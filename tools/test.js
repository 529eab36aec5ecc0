// Runs every test and ends with one line that counts them: `N passed, N failed, N skipped`. Says what was not tested.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const directory = mkdtempSync(join(tmpdir(), 'eni-routed-test-'))
const report = join(directory, 'report.json')
const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...process.argv.slice(2)]
const child = spawn('node_modules/.bin/vitest', args, { stdio: ['ignore', 'inherit', 'inherit'] })
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => child.kill(signal))
}
child.on('close', (code) => {
  const counts = count(report)
  rmSync(directory, { recursive: true })
  if (process.getuid() !== 0) {
    console.log(
      'Not tested, for want of root: everything that needs network namespaces or guests (test/netns, test/systemd, most of test/package). Run: sudo npm test',
    )
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  process.exitCode = code === 0 && counts.failed === 0 && counts.passed > 0 ? 0 : 1
})

/** A test file that could not even be read counts as one failure. */
function count(file) {
  try {
    const result = JSON.parse(readFileSync(file, 'utf8'))
    const broken = result.testResults.filter(
      (suite) => suite.status === 'failed' && suite.assertionResults.length === 0,
    )
    const skipped = result.numPendingTests + result.numTodoTests
    return { passed: result.numPassedTests, failed: result.numFailedTests + broken.length, skipped }
  } catch (error) {
    console.log(`there is no report of the tests: ${error.message}`)
    return { passed: 0, failed: 1, skipped: 0 }
  }
}
