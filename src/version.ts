/** Put in by the bundler: from package.json, and the commit that a package is made of ("" in a build by hand). */
declare const VERSION: string
declare const COMMIT: string

export const version: string = VERSION
export const commit: string = COMMIT
