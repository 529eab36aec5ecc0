import { setTimeout as sleep } from 'node:timers/promises'
import type { Namespace } from '../../src/lab/namespace.ts'

/** Foreign changes of rules and routes a second. */
export const perSecond = 1_000

/** Rules and routes of others come and go, at that rate, in parcels of a tenth of a second. */
export async function churn(namespace: Namespace, seconds: number): Promise<void> {
  const lines = Array.from({ length: perSecond / 40 }, (_, i) => [
    `route add 10.9.${i}.0/24 dev lo table 77`,
    `route del 10.9.${i}.0/24 dev lo table 77`,
    `rule add priority 30000 from 10.9.${i}.0/24 lookup 77`,
    `rule del priority 30000 from 10.9.${i}.0/24 lookup 77`,
  ]).flat()
  for (let parcel = 0; parcel < seconds * 10; parcel++) {
    await Promise.all([namespace.batch(lines), sleep(100)])
  }
}

/** As many foreign routes in main. */
export const foreignRoutes = (namespace: Namespace, count: number): Promise<void> =>
  namespace.batch(
    Array.from({ length: count }, (_, i) => `route add 11.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32 dev lo`),
  )
