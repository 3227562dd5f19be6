# SPDX-License-Identifier: LGPL-2.1-or-later
# What the cmdlets about pools share.

# Those of 'Types' that GPUs have; a warning for each other one.
function Select-BerthPoolType {
    param($Command, [string[]] $Types)
    foreach ($type in $Types) {
        if ($type -in 'PciExpress', 'GpuPartition') {
            $type
        } else {
            Write-BerthMeaningless $Command "ResourcePoolType $type" 'Berth pools GPUs; PciExpress and GpuPartition are their types'
        }
    }
}

# One pool in full.
function Show-BerthPool {
    param($Connection, [string] $Name)
    $pool = Invoke-BerthRest $Connection GET (Format-BerthPath 'v1/pools/{0}' $Name) $null $Name
    [pscustomobject] @{
        PSTypeName       = 'Berth.ResourcePool'
        Name             = $pool.name
        ResourcePoolType = $pool.type
        ParentName       = 'Primordial'
        ComputerName     = @($pool.nodes.node | Where-Object { $_ })
        Total            = $pool.total
        Assigned         = $pool.used
        Available        = $pool.free
        Quarantined      = $pool.quarantined
        Away             = $pool.away
        Model            = $pool.model
        Mixed            = $pool.mixed
        VMName           = @($pool.vms.vm | Where-Object { $_ })
        Devices          = @($pool.members | Where-Object { $_.node } | ForEach-Object {
                [pscustomobject] @{ LocationPath = "$($_.node)/$($_.address)"; State = $_.state; VMName = $_.vm; Name = $_.name }
            })
        ClusterSession   = $Connection.Name
    }
}

function Remove-BerthPool {
    param($Command, $Connection, $Pool, [bool] $Passthru)
    $shown = if ($Passthru) { Show-BerthPool $Connection $Pool.name }
    if ($Command.ShouldProcess($Pool.name, 'Remove GPU pool')) {
        $answer = Invoke-BerthRest $Connection DELETE (Format-BerthPath 'v1/pools/{0}' $Pool.name) $null $Pool.name
        $Command.WriteVerbose($answer.message)
        $shown
    }
}

<#
 The API has no rename: the pool is removed and created again with the same GPUs, and as it was if that fails. No VM
 needs it meanwhile, and its GPUs stay dismounted.
#>
function Rename-BerthPool {
    param($Command, $Connection, $Pool, [string] $NewName)
    # A card that is divided joins as a whole: "0000:65:00.0+0000:65:00.4" is a part of "0000:65:00.0".
    $members = @($Pool.members | Where-Object { $_.node } | ForEach-Object { "$($_.node)/$(($_.address -split '\+')[0])" } |
            Select-Object -Unique | ForEach-Object { $node, $address = $_ -split '/'; @{ node = $node; address = $address } })
    $body = @{ name = $NewName; type = $Pool.type; mixed = [bool] $Pool.mixed; members = $members }
    [void] (Invoke-BerthRest $Connection DELETE (Format-BerthPath 'v1/pools/{0}' $Pool.name) $null $Pool.name)
    try {
        $answer = Invoke-BerthRest $Connection POST v1/pools $body $NewName
        $Command.WriteVerbose($answer.message)
    } catch {
        $why = $_
        $body.name = $Pool.name
        [void] (Invoke-BerthRest $Connection POST v1/pools $body $Pool.name)
        throw $why
    }
}
