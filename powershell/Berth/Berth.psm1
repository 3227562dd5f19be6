# SPDX-License-Identifier: LGPL-2.1-or-later
# Private/ holds what the cmdlets share, Public/ the cmdlets, by noun. All of it is script: a folder to copy.

foreach ($folder in 'Private', 'Public') {
    foreach ($file in Get-ChildItem -LiteralPath (Join-Path $PSScriptRoot $folder) -Filter *.ps1 | Sort-Object Name) {
        . $file.FullName
    }
}

# Connections by name, the newest last; the newest is the one that a command uses when it is told none.
$script:Connections = [ordered]@{}

$ExecutionContext.SessionState.Module.OnRemove = { Close-BerthConnection }
