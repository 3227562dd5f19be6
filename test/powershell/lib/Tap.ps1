# SPDX-License-Identifier: LGPL-2.1-or-later
# Tests named by sentences that speak TAP.

$script:Tests = [System.Collections.Generic.List[object]]::new()

function Test {
    param([string] $Sentence, [scriptblock] $Body)
    $script:Tests.Add(@{ Sentence = $Sentence; Body = $Body })
}

# Runs all, or those whose sentence holds one of 'Words'; 'Told' says what a stage knows of a failing one.
function Complete-Test {
    param([string[]] $Words, [scriptblock] $Told)
    $number = 0
    foreach ($test in $script:Tests) {
        if ($Words -and -not ($Words | Where-Object { $test.Sentence.Contains($_) })) {
            continue
        }
        $number++
        $result = 'ok'
        try {
            [void] (& $test.Body)
        } catch {
            $result = 'not ok'
            $why = "$_`n$($_.InvocationInfo.PositionMessage)`n$($_.ScriptStackTrace)"
            if ($Told) { $why += "`n$(& $Told)" }
            "$why`n$_" -split "`n" | ForEach-Object { "# $_" }
            $Host.SetShouldExit(1)
        }
        "$result $number - $($test.Sentence)"
    }
    "1..$number"
}

function Must {
    param($Condition, [string] $Sentence)
    if (-not $Condition) {
        throw $Sentence
    }
}

function MustBe {
    param($Have, $Want, [string] $What = 'it')
    if ("$Have" -cne "$Want") {
        throw "$What is `"$Have`", not `"$Want`""
    }
}

# All that a command does, by stream: Output, Errors, Warnings, Verbose, and Lines, what the host was told to show.
function Watch {
    param([scriptblock] $Body)
    $said = $Host.PrivateData
    $said.Lines.Clear()
    $said.Questions.Clear()
    $said.Progress.Clear()
    $seen = @{ Output = @(); Errors = @(); Warnings = @(); Verbose = @(); IsTerminated = $false }
    try {
        . $Body *>&1 | ForEach-Object {
            if ($_ -is [System.Management.Automation.ErrorRecord]) { $seen.Errors += $_ }
            elseif ($_ -is [System.Management.Automation.WarningRecord]) { $seen.Warnings += "$_" }
            elseif ($_ -is [System.Management.Automation.VerboseRecord]) { $seen.Verbose += "$_" }
            else { $seen.Output += $_ }
        }
    } catch {
        $seen.IsTerminated = $true
        $seen.Errors += $_
    }
    $seen.Lines = @($said.Lines)
    $seen.Questions = @($said.Questions)
    $seen.Progress = @($said.Progress)
    [pscustomobject] $seen
}

# 'Body' must end with exactly one error with this ID, and 'Category' if that is given; it.
function MustFail {
    param([scriptblock] $Body, [string] $Id, [string] $Category, [switch] $Terminating)
    $seen = Watch $Body
    Must ($seen.Errors.Count -eq 1) "$Body`: $($seen.Errors.Count) errors: $($seen.Errors -join '; ')"
    $record = $seen.Errors[0]
    Must ($record.FullyQualifiedErrorId -like "$Id*") "$Body`: the error is $($record.FullyQualifiedErrorId): $record"
    if ($Category) { MustBe $record.CategoryInfo.Category $Category "the category of $Body" }
    if ($Terminating) { Must $seen.IsTerminated "$Body did not end the command" }
    $record
}

# 'Body' must work without an error; its output.
function MustWork {
    param([scriptblock] $Body)
    $seen = Watch $Body
    if ($seen.Errors) { throw "$Body`: $($seen.Errors -join '; ')" }
    $seen.Output
}
