# SPDX-License-Identifier: LGPL-2.1-or-later
# Help, formats and names: what can be known without a cluster.
param([Parameter(ValueFromRemainingArguments)] [string[]] $Words)
. $PSScriptRoot/lib/Tap.ps1
. $PSScriptRoot/lib/Stage.ps1

Import-Module $script:Manifest -ErrorAction Stop
$commands = @(Get-Command -Module Berth)
$common = [System.Management.Automation.PSCmdlet]::CommonParameters + [System.Management.Automation.PSCmdlet]::OptionalCommonParameters

Test 'the manifest is valid, needs PowerShell 7.4 and exports what there is' {
    $manifest = Test-ModuleManifest $script:Manifest -ErrorAction Stop
    MustBe $manifest.PowerShellVersion '7.4'
    MustBe $manifest.ExportedFunctions.Count $commands.Count
    $public = Get-ChildItem (Join-Path $script:Root powershell/Berth/Public/*.ps1) | ForEach-Object {
        [regex]::Matches((Get-Content -Raw $_), '(?m)^function ([\w-]+)') | ForEach-Object { $_.Groups[1].Value }
    }
    $missing = @(Compare-Object @($public) @($commands.Name))
    Must (-not $missing) "exported or not: $($missing.InputObject)"
}

Test 'every verb is an approved one' {
    $verbs = (Get-Verb).Verb
    $odd = @($commands | Where-Object { $_.Verb -notin $verbs })
    Must (-not $odd) "$odd"
}

Test 'every cmdlet has a synopsis, a description and an example that says what it does' {
    $bad = foreach ($command in $commands) {
        $help = Get-Help $command.Name -Full
        if (-not $help.Synopsis -or $help.Synopsis -match [regex]::Escape("$($command.Name) [")) { "$command has no synopsis" }
        if (-not $help.description.Text) { "$command has no description" }
        $examples = @($help.examples.example)
        if (-not $examples.Count) { "$command has no example" }
        foreach ($example in $examples) {
            if (-not (($example.remarks.Text -join '').Trim())) { "${command}: the example $($example.code) says nothing" }
        }
    }
    Must (-not $bad) ($bad -join "`n")
}

Test 'every parameter of every cmdlet is described' {
    $bad = foreach ($command in $commands) {
        $help = Get-Help $command.Name -Full
        foreach ($name in $command.Parameters.Keys | Where-Object { $_ -notin $common }) {
            $found = @($help.parameters.parameter | Where-Object { $_.name -eq $name })
            if (-not (($found.description.Text -join '').Trim())) { "$command -$name" }
        }
    }
    Must (-not $bad) ($bad -join "`n")
}

Test 'every example is PowerShell that calls what there is, with parameters that there are' {
    $bad = foreach ($command in $commands) {
        foreach ($example in (Get-Help $command.Name -Full).examples.example) {
            $errors = $null
            # Of code in several lines, all but the first begin what is said of it.
            $said = @((($example.remarks.Text -join "`n").Trim()) -split '\r?\n\s*\r?\n')
            $code = (@($example.code) + @($said | Select-Object -SkipLast 1)) -join "`n"
            $tree = [System.Management.Automation.Language.Parser]::ParseInput($code, [ref] $null, [ref] $errors)
            if ($errors) { "$command`: $code`: $errors" }
            foreach ($call in $tree.FindAll({ $args[0] -is [System.Management.Automation.Language.CommandAst] }, $true)) {
                $called = Get-Command $call.GetCommandName() -ErrorAction Ignore
                if (-not $called) { "$command`: no command $($call.GetCommandName())"; continue }
                foreach ($parameter in $call.CommandElements | Where-Object { $_ -is [System.Management.Automation.Language.CommandParameterAst] }) {
                    try { [void] $called.ResolveParameter($parameter.ParameterName) } catch { "$command`: $called has no -$($parameter.ParameterName)" }
                }
            }
        }
    }
    Must (-not $bad) ($bad -join "`n")
}

Test 'whatever changes something has -WhatIf and -Confirm' {
    $verbs = 'New', 'Remove', 'Rename', 'Set', 'Add', 'Start', 'Stop', 'Move', 'Suspend', 'Resume', 'Mount', 'Dismount', 'Enable', 'Disable'
    $bad = @($commands | Where-Object { $_.Verb -in $verbs -and -not $_.Parameters.ContainsKey('WhatIf') })
    Must (-not $bad) "$bad"
}

Test 'every type that is returned has a table and a list' {
    $types = @($commands.OutputType.Name | Where-Object { $_ -like 'Berth.*' } | Select-Object -Unique)
    Must ($types.Count -ge 15) "only $types"
    $bad = foreach ($type in $types) {
        $views = @((Get-FormatData -TypeName $type).FormatViewDefinition.Control | ForEach-Object { $_.GetType().Name })
        if ($views -notcontains 'TableControl' -or $views -notcontains 'ListControl') { $type }
    }
    Must (-not $bad) "$bad"
}

Test 'it stands beside a module with the same names when it has a prefix' {
    $other = New-Module -Name HyperVInPlay -ScriptBlock { function Get-VM { 'theirs' }; Export-ModuleMember -Function Get-VM } |
        Import-Module -PassThru
    Import-Module $script:Manifest -Prefix Berth -Force -ErrorAction Stop
    $seen = Watch { Get-VM; Get-BerthVM -ErrorAction SilentlyContinue -Session nowhere }
    Remove-Module $other
    Import-Module $script:Manifest -Force -ErrorAction Stop
    MustBe $seen.Output 'theirs'
    Must ($seen.Errors[-1].FullyQualifiedErrorId -like 'BerthNotConnected*') "Get-BerthVM: $($seen.Errors)"
}

Complete-Test $Words
