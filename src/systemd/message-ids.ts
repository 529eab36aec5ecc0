/**
 * What a record of the journal is about, for `journalctl MESSAGE_ID=…` and the catalog (eni-routed.catalog). Once
 * published, an id never changes its meaning. Keys are the `event` of a log record.
 */
export const messageIds: Readonly<Record<string, string>> = {
  start: '5e8f0202e40745458cd0fef7dd88d45b',
  ready: '36f1ead21e2b44aca4da650c29c6b1fe',
  stop: '87328067ca4b4ae794f9bdafafc76603',
  change: '187ed7ea516849ef966500bda5c99510',
  pass: '34ba0c5871254b5f89b3e8680ac61f28',
  adopted: 'c0a0fe281a9a4ef99564c08f6d4c88ea',
  vanished: '8ae406a038e645669c59e709ca22549f',
  refused: 'f640515fbed749b38d87f1ebe1fbe58b',
  problem: '68c46c1bdab54cd48fd17f139881f1b0',
  resolved: '1ee8f006d5964c2fa8a3dd936211f7df',
  failed: 'c889f09912fd4e3c86785fe47e8a33e3',
  reload: 'ed77ab7ab485417eb713b63ffc64a9c4',
  removed: 'c7eee2b271574a75b3b4bf085ff4ef45',
}
