<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Schema;

class CreateInvoices extends Migration
{
    public function up()
    {
        Schema::create('invoices', function (Blueprint $table) {
            $table->id();
            $table->string('customer')->unique();
            $table->bigInteger('number')->unique();
        });
        DB::statement("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$)");
        Schema::create('receipts', function (Blueprint $table) {
            $table->id();
            $table->bigInteger('number')->nullable()->unique();
        });
        DB::statement("SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt' $$, at_commit => true)");
    }
}
