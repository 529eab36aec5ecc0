/**
 * Measures several things in turn, `rounds` times a parcel of each, so that whatever else the machine does is shared by
 * all. Resolves to all values of each, in the order of the works.
 */
export async function inTurn<Value>(
  rounds: number,
  works: readonly (() => Promise<readonly Value[]>)[],
): Promise<Value[][]> {
  const values: Value[][] = works.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, work] of works.entries()) {
      values[i]!.push(...(await work()))
    }
  }
  return values
}
