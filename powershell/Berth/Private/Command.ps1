# SPDX-License-Identifier: LGPL-2.1-or-later
# What every cmdlet does first: the caller's preferences, parameters that mean nothing here, and whom it speaks to.

# Why a parameter that Windows has means nothing here.
$script:Meaningless = @{
    CimSession = 'Berth is reached through the connection of Connect-Berth'
    Credential = 'the connection of Connect-Berth says who you are'
}

# A module's functions do not see the preference variables of a calling script, $WhatIfPreference among them.
function Initialize-BerthCommand {
    param($Command, $Bound)
    $names = @{
        ErrorAction = 'ErrorActionPreference'; WarningAction = 'WarningPreference'; Verbose = 'VerbosePreference'
        Debug = 'DebugPreference'; InformationAction = 'InformationPreference'; ProgressAction = 'ProgressPreference'
        WhatIf = 'WhatIfPreference'; Confirm = 'ConfirmPreference'
    }
    foreach ($parameter in $names.Keys) {
        if (-not $Bound.ContainsKey($parameter)) {
            $variable = $Command.SessionState.PSVariable.Get($names[$parameter])
            if ($null -ne $variable) {
                Set-Variable -Scope 1 -Name $variable.Name -Value $variable.Value -WhatIf:$false -Confirm:$false
            }
        }
    }
    foreach ($parameter in $script:Meaningless.Keys) {
        if ($Bound.ContainsKey($parameter)) {
            Write-BerthMeaningless $Command $parameter $script:Meaningless[$parameter]
        }
    }
}

# -Force answers the question that a command would ask, unless -Confirm asks for it.
function Test-BerthForce {
    param($Bound)
    [bool] $Bound['Force'] -and -not $Bound.ContainsKey('Confirm')
}

function Write-BerthMeaningless {
    param($Command, [string] $Parameter, [string] $Why)
    $Command.WriteWarning("-$Parameter changes nothing here: $Why.")
}

# The connections to speak to: of -Session, of -Cluster, of the piped object, else the newest. An object that came over
# another connection than the one that is named is an error: a VM of the same name elsewhere is another VM.
function Select-BerthConnection {
    param($Bound, $InputObject)
    $named = @($InputObject | Where-Object { $_ -isnot [string] -and $_.ClusterSession })
    $chosen = @(@($Bound['Session']) + @($Bound['Cluster'] | Where-Object { $_ -ne '.' }) | Where-Object { $_ } |
            ForEach-Object { Find-BerthConnection $_ })
    $stranger = @($named | Where-Object { $chosen -and $_.ClusterSession -notin $chosen.Name })
    if ($stranger) {
        throw (New-BerthError 'WrongSession' "$($stranger[0].Name) came over the connection $($stranger[0].ClusterSession)." `
                'InvalidArgument' $stranger[0] 'Leave out -Session and -Cluster: an object remembers its connection.')
    }
    if ($chosen) {
        return $chosen
    }
    if ($named) {
        return @($named.ClusterSession | Select-Object -Unique | ForEach-Object { Find-BerthConnection $_ })
    }
    @(Get-BerthDefaultConnection)
}

# Whether the piped 'InputObject' came over 'Connection'; one that says nothing fits each.
function Test-BerthOrigin {
    param($Connection, $InputObject)
    $InputObject -is [string] -or -not $InputObject.ClusterSession -or $InputObject.ClusterSession -eq $Connection.Name
}

# Names of nodes as people give them: "node1.example.com", "." on the host itself.
function Resolve-BerthNodeName {
    param($Connection, [string[]] $Name)
    if (-not $Name) {
        return @()
    }
    $known = @((Get-BerthItem $Connection v1/nodes).name)
    foreach ($each in $Name) {
        $wanted = $each
        if ($each -in '.', 'localhost', '') {
            $wanted = if ($Connection.SocketPath) { [System.Environment]::MachineName } else { $Connection.Uri.Host }
            if ($wanted -notin $known -and ($wanted -split '\.')[0] -notin $known) {
                continue # the cluster as a whole, which is what "here" means from elsewhere
            }
        }
        $found = @($known | Where-Object { $_ -eq $wanted -or $_ -like $wanted })
        if (-not $found) {
            $found = @($known | Where-Object { $_ -eq ($wanted -split '\.')[0] })
        }
        if (-not $found -and -not [wildcardpattern]::ContainsWildcardCharacters($wanted)) {
            throw (New-BerthError 'no-such-node' "There is no node `"$each`"; there are: $($known -join ', ')." 'ObjectNotFound' `
                    $each $script:Advice['no-such-node'])
        }
        $found
    }
}

# Says once in a command what Windows does for each server and Berth for all of them at once.
function Write-BerthOncePerCluster {
    param($Command, $Connection, [string[]] $ComputerName, [string] $Text)
    [void] (Resolve-BerthNodeName $Connection $ComputerName)
    $Command.WriteVerbose($Text)
}

# Which of 'Items' have a name like one of 'Patterns'; a name without wildcards that is not there is an error.
function Select-BerthName {
    param($Command, [object[]] $Items, [string[]] $Patterns, [string] $Property, [string] $What, [string] $Id)
    if (-not $Patterns) {
        return $Items
    }
    foreach ($pattern in $Patterns) {
        $found = @($Items | Where-Object { $_.$Property -like $pattern -or $_.$Property -eq $pattern })
        if (-not $found -and -not [wildcardpattern]::ContainsWildcardCharacters($pattern)) {
            $names = @($Items.$Property | Select-Object -First 8) -join ', '
            Write-BerthFailure $Command (New-BerthError $Id "There is no $What `"$pattern`"; there are: $names." 'ObjectNotFound' `
                    $pattern $script:Advice[$Id])
        }
        $found
    }
}

# For ArgumentCompleter attributes, which live outside the module.
function Complete-BerthName {
    param([string] $Kind, [string] $Command, [string] $Parameter, [string] $Word)
    $paths = @{ vm = 'v1/vms'; pool = 'v1/pools'; node = 'v1/nodes' }
    $word = $Word.Trim('"', "'")
    try {
        $names = if ($Kind -eq 'session') {
            @($script:Connections.Keys)
        } elseif ($Kind -eq 'device') {
            @(Get-BerthItem (Get-BerthDefaultConnection) v1/gpus | ForEach-Object { "$($_.node)/$($_.address)" })
        } elseif ($Kind -eq 'resource') {
            @((Get-BerthItem (Get-BerthDefaultConnection) v1/vms).name | ForEach-Object { "Virtual Machine $_" })
        } elseif ($Kind -eq 'partitionable') {
            @(Get-BerthItem (Get-BerthDefaultConnection) v1/gpus | Where-Object { $_.sriov_total -gt 0 } |
                    ForEach-Object { "$($_.node)/$($_.address)" })
        } else {
            @((Get-BerthItem (Get-BerthDefaultConnection) $paths[$Kind]).name)
        }
    } catch {
        return # nothing to complete from
    }
    foreach ($name in $names | Where-Object { $_ -like "$word*" } | Sort-Object) {
        $text = if ($name -match '[^\w./:+-]') { "'$name'" } else { $name }
        [System.Management.Automation.CompletionResult]::new($text, $name, 'ParameterValue', $name)
    }
}

<#
 Runs a cmdlet of this module as a job: in this process, over the same connections. What would be asked was asked
 before, so the job asks nothing.
#>
function Start-BerthJob {
    param([object[]] $Connections, [string] $Name, [hashtable] $Parameters)
    $work = @{
        Manifest = Join-Path $PSScriptRoot '../Berth.psd1'; Connections = $Connections; Name = $Name; Parameters = $Parameters
    }
    $job = $work | ForEach-Object -AsJob -Parallel {
        $work = $_
        $module = Import-Module $work.Manifest -PassThru -Force
        & $module {
            param($Work)
            $parameters = $Work.Parameters
            foreach ($connection in $Work.Connections) {
                $copy = $connection.Clone()
                $copy.IsBorrowed = $true
                $script:Connections[$copy.Name] = $copy
            }
            & $Work.Name @parameters -Confirm:$false
        } $work
    }
    $job.Name = $Name
    $job
}
