" SPDX-License-Identifier: Apache-2.0
" Copyright 2026 The Tocsin authors
"
" Vim syntax of Tocsin rule files. Copy it to ~/.vim/syntax/ and add to ~/.vim/ftdetect/tocsin.vim:
"   autocmd BufRead,BufNewFile *.tsn setfiletype tocsin
" Fields and functions are not listed: `tocsin fields` and `tocsin functions` print them.
if exists('b:current_syntax')
  finish
endif

syntax keyword tocsinDeclaration ruleset use let set table define rule disable override site
syntax keyword tocsinClause severity where when except alert then during until test
syntax keyword tocsinWord by at over per step for file dynamic once each add remove to from
syntax keyword tocsinWord fires quiet flow repeat every wait history
syntax keyword tocsinOperator and or not in has
syntax keyword tocsinMeta title message author license version homepage channel requires attack
syntax keyword tocsinMeta tags reference cve status created modified falsepositives sid rev
syntax keyword tocsinMeta expires owner reason
syntax keyword tocsinLevel info low medium high critical

syntax match tocsinFunction /\<[A-Za-z_][A-Za-z0-9_.]*\ze\s*(/
syntax match tocsinNumber /\<\(0x\x\+\|\d\+\(\.\d\+\)\?\(ms\|[smhdw]\|[kMG]\|[kMGT]i\?B\|[kMG]bit\)\?\)\>/
syntax match tocsinNumber /\<\(\d\+[hmsdw]\)\{2,}\>/
syntax match tocsinAddress /\<\d\+\(\.\d\+\)\{3}\(\/\d\+\)\?\>/
syntax match tocsinAddress /\<\x\{0,4}:\x*:[0-9A-Fa-f:.]*\(\/\d\+\)\?/
syntax match tocsinDate /\<\d\{4}-\d\d-\d\d\>/
syntax match tocsinRegex /!\?\~\s*\zs\/\(\\.\|[^\\\/]\)*\/[a-z]*/
syntax region tocsinString start=/"/ skip=/\\./ end=/"/ oneline contains=tocsinEscape,tocsinField
syntax match tocsinEscape /\\./ contained
syntax match tocsinField /{[A-Za-z_.]\+}/ contained
syntax match tocsinComment /#.*$/

highlight default link tocsinDeclaration Structure
highlight default link tocsinClause Statement
highlight default link tocsinWord Keyword
highlight default link tocsinOperator Operator
highlight default link tocsinMeta Type
highlight default link tocsinLevel Constant
highlight default link tocsinFunction Function
highlight default link tocsinNumber Number
highlight default link tocsinAddress Constant
highlight default link tocsinDate Constant
highlight default link tocsinRegex String
highlight default link tocsinString String
highlight default link tocsinEscape SpecialChar
highlight default link tocsinField Special
highlight default link tocsinComment Comment

let b:current_syntax = 'tocsin'
