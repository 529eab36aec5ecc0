#!/usr/bin/env node
import { Chunks } from './chunks.ts'

const chunks = new Chunks(import.meta.dirname)
const { main } = chunks.load('program.js') as typeof import('./program.ts')
main(chunks)
