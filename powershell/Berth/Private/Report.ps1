# SPDX-License-Identifier: LGPL-2.1-or-later
# Events, problems, what-if answers and the validation report, as objects and as a page.

function ConvertTo-BerthEvent {
    param($Connection, $Record)
    [pscustomobject] @{
        PSTypeName     = 'Berth.Event'
        TimeCreated    = [datetimeoffset]::FromUnixTimeMilliseconds($Record.time_ms).LocalDateTime
        Severity       = $Record.severity
        Subject        = $Record.subject
        Text           = $Record.text
        Code           = $Record.code
        Actor          = $Record.actor
        Address        = $Record.address
        Id             = $Record.id
        ClusterSession = $Connection.Name
    }
}

# Reads the stream of events for at most 'Seconds'; goes on behind the last one when the connection is lost.
function Watch-BerthEvent {
    param($Connection, [string] $After, [int] $Seconds)
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    $failures = 0
    while ($clock.Elapsed.TotalSeconds -lt $Seconds) {
        $request = New-BerthRequest $Connection GET v1/events?follow=1
        [void] $request.Headers.TryAddWithoutValidation('Accept', 'text/event-stream')
        if ($After) {
            [void] $request.Headers.TryAddWithoutValidation('Last-Event-ID', $After)
        }
        $end = [System.Threading.CancellationTokenSource]::new()
        $reader = $null
        try {
            $reply = Wait-BerthTask $Connection.Http.SendAsync($request, 'ResponseHeadersRead', $end.Token)
            if (-not $reply.IsSuccessStatusCode) {
                throw (ConvertTo-BerthError ([int] $reply.StatusCode) (Wait-BerthTask $reply.Content.ReadAsStringAsync()) $null)
            }
            $reader = [System.IO.StreamReader]::new((Wait-BerthTask $reply.Content.ReadAsStreamAsync()))
            while ($clock.Elapsed.TotalSeconds -lt $Seconds) {
                $line = $reader.ReadLineAsync()
                while (-not $line.AsyncWaitHandle.WaitOne(100) -and $clock.Elapsed.TotalSeconds -lt $Seconds) { }
                if (-not $line.IsCompleted) {
                    return
                }
                $text = $line.GetAwaiter().GetResult()
                if ($null -eq $text) {
                    break
                }
                if ($text.StartsWith('data: ')) {
                    $told = ConvertTo-BerthEvent $Connection ($text.Substring(6) | ConvertFrom-Json)
                    $After = $told.Id
                    $failures = 0
                    $told
                }
            }
        } catch [System.Management.Automation.MethodInvocationException] {
            if (++$failures -gt 20) {
                throw (New-BerthConnectionError $Connection $_.Exception.InnerException)
            }
            Start-Sleep -Milliseconds 500
        } finally {
            $end.Cancel()
            if ($reader) { $reader.Dispose() }
            $request.Dispose()
        }
    }
}

function New-BerthProblem {
    param($Connection, [string] $Severity, [string] $Category, [string] $Subject, [string] $Check, [string] $Text)
    [pscustomobject] @{
        PSTypeName = 'Berth.Problem'; Severity = $Severity; Category = $Category; Subject = $Subject; Check = $Check
        Text = $Text; ClusterSession = $Connection.Name
    }
}

function ConvertTo-BerthPlannedMove {
    param([object[]] $Placements, [object[]] $LeftOut, [string] $Type)
    foreach ($each in $Placements | Where-Object { $_.vm }) {
        [pscustomobject] @{
            PSTypeName = $Type; VMName = $each.vm; From = $each.from; To = $each.to
            GPU = @($each.gpus | ForEach-Object { "$($each.to)/$_" }); Reason = ''
        }
    }
    foreach ($each in $LeftOut | Where-Object { $_.vm }) {
        [pscustomobject] @{
            PSTypeName = $Type; VMName = $each.vm; From = ''; To = ''; GPU = @()
            Reason = Join-BerthReason $each.reasons
        }
    }
}

function ConvertTo-BerthHostLoss {
    param($Connection, [string[]] $Nodes, [object[]] $Placements, [object[]] $LeftOut, [bool] $IsProven)
    [pscustomobject] @{
        PSTypeName     = 'Berth.HostLoss'
        ComputerName   = $Nodes -join ', '
        Survives       = @($LeftOut | Where-Object { $_.vm }).Count -eq 0
        VMCount        = @($Placements | Where-Object { $_.vm }).Count + @($LeftOut | Where-Object { $_.vm }).Count
        LeftOut        = @($LeftOut | Where-Object { $_.vm } | ForEach-Object { $_.vm })
        Placements     = @(ConvertTo-BerthPlannedMove $Placements $LeftOut 'Berth.PlannedMove')
        IsProven       = $IsProven
        ClusterSession = $Connection.Name
    }
}

$script:ReportHead = @'
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #151515; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 1.8rem 0 0.3rem; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th:nth-child(1) { width: 10%; } th:nth-child(2) { width: 18%; } th:nth-child(3) { width: 17%; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.7rem 0.3rem 0; border-top: 1px solid #ccc; overflow-wrap: anywhere; }
.ok { color: #1e6b2e; } .warning { color: #8a5200; } .failed { color: #b3201a; }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #151515; } th, td { border-color: #444; }
.ok { color: #7cc674; } .warning { color: #f4b95a; } .failed { color: #ff8a80; } }
</style>
'@

# The validation as one page that needs nothing else.
function ConvertTo-BerthReport {
    param($Validation, [object[]] $Groups)
    $escape = { [System.Net.WebUtility]::HtmlEncode("$args") }
    $when = [datetimeoffset]::FromUnixTimeMilliseconds($Validation.time_ms).LocalDateTime.ToString('yyyy-MM-dd HH:mm:ss')
    $title = "Validation of cluster $(& $escape $Validation.cluster)"
    $checks = @($Groups.checks)
    $counts = foreach ($result in 'failed', 'warning', 'ok') { "$(@($checks | Where-Object result -eq $result).Count) $result" }
    $script:ReportHead
    "<title>$title</title>`n</head>`n<body>`n<h1>$title</h1>"
    "<p>$when. <strong class=`"$(& $escape $Validation.result)`">$($counts -join ', ')</strong></p>"
    foreach ($group in $Groups) {
        "<h2>$(& $escape $group.name)</h2>`n<p>$(& $escape $group.about)</p>`n<table>"
        '<tr><th scope="col">Result</th><th scope="col">What</th><th scope="col">Check</th><th scope="col">Found</th></tr>'
        foreach ($check in $group.checks) {
            $class = & $escape $check.result
            "<tr><td class=`"$class`">$class</td><td>$(& $escape $check.subject)</td><td>$(& $escape $check.check)</td>" +
            "<td>$(& $escape $check.text)</td></tr>"
        }
        '</table>'
    }
    "</body>`n</html>"
}
